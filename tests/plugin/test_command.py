"""Commands for sh and cmd: quoting against the real shell and against how C takes a command line apart."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from bitscape.plugin.dock import command as commands
from bitscape.plugin.dock.command import command

NASTY = [
    "plain.tif", "a b.tif", "it's.tif", 'say "hi".tif', "$HOME `id` $(id).tif", "a|layername=labels", "a&b;c<d>e.tif",
    "Äcker (2020→2024).tif", "back\\slash.tif", "*?[x]{y}~!.tif", "-dash", "50 % off", "tail\\",
]


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """A program that writes its arguments down, one a line."""
    program = tmp_path / "qgis process"
    program.write_text('#!/bin/sh\nfor one in "$@"; do printf "%s\\n" "$one"; done >>"$LISTED"\nexit ${CODE:-0}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
def test_the_shell_gives_the_program_what_was_meant(listing: Path, tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    text = command([("x:one", {"INPUT": NASTY, "EMPTY": ""}), ("x:two", {"N": 3})], False, str(listing))
    subprocess.run(["sh", "-c", text], env={**os.environ, "LISTED": str(listed)}, check=True)
    assert listed.read_text().splitlines() == [
        "run", "x:one", "--", *(f"INPUT={one}" for one in NASTY), "EMPTY=", "run", "x:two", "--", "N=3"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
def test_the_second_is_not_run_after_a_failure(listing: Path, tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    text = command([("x:one", {}), ("x:two", {})], False, str(listing))
    done = subprocess.run(["sh", "-c", text], env={**os.environ, "LISTED": str(listed), "CODE": "3"}, check=False)
    assert done.returncode == 3 and "x:two" not in listed.read_text()


def taken_apart(line: str) -> list[str]:
    """As Microsoft's C library splits a command line: 2n backslashes before a quote are n, "" inside quotes is one."""
    words: list[str] = []
    word, inside, started, place = "", False, False, 0
    while place < len(line):
        found = re.match(r'(\\*)("?)', line[place:])
        assert found is not None
        slashes, quote = found.groups()
        if quote:
            word += "\\" * (len(slashes) // 2)
            place += len(slashes) + 1
            if len(slashes) % 2:
                word += '"'
            elif inside and line[place : place + 1] == '"':
                word, place = word + '"', place + 1
            else:
                inside = not inside
            started = True
        elif slashes:
            word, place, started = word + slashes, place + len(slashes), True
        elif line[place] == " " and not inside:
            words, word, started, place = [*words, word] if started else words, "", False, place + 1
        else:
            word, place, started = word + line[place], place + 1, True
    return [*words, word] if started else words


def test_windows_gets_quotes_that_c_takes_apart_and_nothing_that_cmd_reads() -> None:
    nasty = [*NASTY, 'a\\"b', "C:\\Program Files\\data\\"]
    text = command([("x:one", {"INPUT": nasty})], True, "C:\\OSGeo4W\\bin\\qgis_process-qgis.bat")
    assert taken_apart(text)[5:] == [f"INPUT={one}" for one in nasty]
    outside = re.sub(r'"[^"]*"', "", text)
    assert not re.search(r"[&|<>^()%!]", outside)
    both = command([("x:one", {"A": 1}), ("x:two", {"B": 2})], True, "q.bat")
    assert both == "call q.bat run x:one -- A=1 && call q.bat run x:two -- B=2"


def test_the_program_is_the_one_of_this_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qgis_process", "qgis_process.bin"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands.qgis_process() == "qgis_process.bin"
    (tmp_path / "qgis_process.bin").unlink()
    assert commands.qgis_process() == "qgis_process"
    (tmp_path / "qgis_process").rename(tmp_path / "qgis_process-qgis-ltr.bat")
    assert commands.qgis_process() == "qgis_process-qgis-ltr.bat"
    (tmp_path / "bin").mkdir()
    (tmp_path / "qgis_process-qgis-ltr.bat").rename(tmp_path / "bin" / "qgis_process-qgis.bat")
    monkeypatch.setenv("OSGEO4W_ROOT", str(tmp_path))
    monkeypatch.setattr(commands.QCoreApplication, "applicationDirPath", lambda: str(tmp_path / "nowhere"))
    assert commands.qgis_process() == str(tmp_path / "bin" / "qgis_process-qgis.bat")
    monkeypatch.delenv("OSGEO4W_ROOT")
    assert commands.qgis_process() == "qgis_process"
