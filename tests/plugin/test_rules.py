"""What may import what: the rules that keep QGIS and the backend apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NATIVE = {
    "numba", "onnxruntime", "sklearn", "rasterio", "pyarrow", "scipy", "pyogrio", "shapely", "pyproj", "geopandas",
    "matplotlib", "jinja2", "obstore",
}
QGIS = {"qgis", "PyQt5", "PyQt6", "osgeo", "gdal", "ogr", "osr"}
SHARED_WITH_PLUGIN = {"bitscape.processing.protocol", "bitscape.processing.errors"}


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no modules in {folder}"
    return found


def imports(path: Path) -> Iterator[str]:
    """Full dotted names of everything a module imports, wherever in it; names imported from a package included."""
    package = ("bitscape", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules("plugin"), ids=lambda path: str(path.relative_to(ROOT)))
def test_plugin_links_nothing_native_and_shares_only_the_protocol_and_the_errors(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in NATIVE, name
        if name.startswith("bitscape.processing"):
            assert ".".join(name.split(".")[:3]) in SHARED_WITH_PLUGIN, name


@pytest.mark.parametrize("path", modules("processing"), ids=lambda path: str(path.relative_to(ROOT)))
def test_processing_imports_nothing_of_qgis(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in QGIS, name
        assert not name.startswith("bitscape.plugin"), name
        assert name.split(".")[0] != "processing", f"{name} would be QGIS's package"


def uses_of_folders(top: str) -> dict[str, set[str]]:
    """Folder below ``top`` → the others it imports from; there is no circle among them."""
    uses: dict[str, set[str]] = {}
    for path in modules(top):
        parts = path.relative_to(ROOT / top).parts
        if len(parts) < 2:
            continue
        found = {name.split(".")[2] for name in imports(path) if name.startswith(f"bitscape.{top}.")}
        folders = {name for name in found if (ROOT / top / name).is_dir()}
        uses.setdefault(parts[0], set()).update(folders - {parts[0]})
    done: set[str] = set()
    while len(done) < len(uses):
        ready = {folder for folder, needs in uses.items() if folder not in done and needs <= done}
        assert ready, f"a circle among {sorted(set(uses) - done)}: {uses}"
        done |= ready
    return uses


def test_folders_of_processing_form_a_tree() -> None:
    """grids ← embeddings ← the rest: the foundations know nothing of what stands on them."""
    uses = uses_of_folders("processing")
    assert uses["grids"] == set()
    assert uses["embeddings"] <= {"grids"}
    assert uses["reports"] == set()
    assert uses["statistics"] <= {"grids", "reports"}
    assert uses["hamming"] == set()
    assert uses["store"] <= {"grids", "compression", "hamming"}
    assert not {"retrieval", "recall", "livefind"} & uses["indexing"]
    assert not {"indexing", "recall", "livefind"} & uses["retrieval"]
    assert uses["inference"] <= {"grids"}
    assert uses["sliding"] <= {"grids", "inference", "polygons"}
    assert uses["study"] <= {"grids", "embeddings", "compression", "hamming", "reports", "statistics"}


def test_folders_of_the_plugin_form_a_tree() -> None:
    """layers and backend ← canvas and algorithms ← dock."""
    uses = uses_of_folders("plugin")
    assert uses["layers"] == uses["backend"] == set()
    assert uses["canvas"] <= {"layers"}
    assert "dock" not in uses["algorithms"]


def test_tabs_of_the_dock_know_nothing_of_each_other() -> None:
    """What they share lies beside them; only the dock knows them all."""
    tabs = {"label", "validate", "find", "models"}
    for path in modules("plugin/dock"):
        own = path.parent.name
        used = {name.split(".")[3] for name in imports(path) if name.startswith("bitscape.plugin.dock.")} & tabs
        if own in tabs:
            assert used <= {own}, path
        elif path.name not in ("dock.py", "entry.py"):
            assert not used, path


def test_protocol_and_errors_need_only_the_standard_library() -> None:
    for name in ("protocol.py", "errors.py"):
        roots = {found.split(".")[0] for found in imports(ROOT / "processing" / name)}
        assert roots <= set(sys.stdlib_module_names), name


def test_importing_the_package_imports_neither_qgis_nor_numpy(tmp_path: Path) -> None:
    code = (
        "import sys, bitscape, bitscape.processing.protocol, bitscape.processing.errors; "
        "print(sorted({'qgis', 'numpy', 'PyQt5', 'osgeo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_life_cycle_stays_small() -> None:
    assert len((ROOT / "plugin" / "main.py").read_text(encoding="utf-8").splitlines()) <= 110
