"""Zip the plugin for QGIS's plugin repository: tracked files only, one top folder, no tests, no binaries, ≤ 25 MB."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ("__init__.py", "metadata.txt", "LICENSE", "README.md", "CHANGELOG.md")
FOLDERS = ("plugin/", "processing/", "resources/", "models/", "requirements/")
FORBIDDEN = (".pyc", ".so", ".dll", ".dylib", ".exe", ".pkl", ".tif", ".zip")
NEEDED = ("__init__.py", "metadata.txt", "LICENSE", "plugin/main.py", "processing/worker.py",
          "requirements/backend.lock")
LIMIT = 25_000_000
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """Write the zip and say where it is; returns the exit code."""
    names = chosen(tracked())
    problems = [f"{name} is needed but not tracked by git" for name in NEEDED if name not in names]
    problems += [f"{name} is not allowed in a plugin" for name in names if name.endswith(FORBIDDEN)]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    target = ROOT / "build" / f"bitscape-{version()}.zip"
    target.parent.mkdir(exist_ok=True)
    partial = target.with_suffix(".partial")
    write(partial, names)
    size = partial.stat().st_size
    if size > LIMIT:
        partial.unlink()
        print(f"the zip has {size / 1e6:.1f} MB; QGIS's plugin repository takes 25 MB", file=sys.stderr)
        return 1
    partial.replace(target)
    print(f"{target.relative_to(ROOT)}: {len(names)} files, {size / 1e6:.2f} MB")
    return 0


def tracked() -> list[str]:
    """Paths that git tracks and that are there, relative to the repository."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()  # noqa: S607
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def chosen(names: list[str]) -> list[str]:
    """Those of ``names`` that belong into the plugin."""
    return sorted(name for name in names if name in FILES or name.startswith(FOLDERS))


def version() -> str:
    """The version in metadata.txt."""
    found = re.search(r"^version=(\S+)", (ROOT / "metadata.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("metadata.txt has no version")
    return found.group(1)


def write(target: Path, names: list[str]) -> None:
    """A zip that is the same, byte for byte, for the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names:
            entry = zipfile.ZipInfo(f"bitscape/{name}", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, (ROOT / name).read_bytes())


if __name__ == "__main__":
    sys.exit(main())
