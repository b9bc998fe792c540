"""The table of operations, from a shell and from Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bitscape.processing import operations
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress

MAIN = Path(__file__).resolve().parents[2] / "processing" / "__main__.py"


def shell(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(MAIN), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd="/",
    )


@pytest.mark.parametrize("name", operations.OPERATIONS)
def test_every_operation_exists_and_refuses_what_it_does_not_know(name):
    with pytest.raises(InputError, match=r"nonsense: Extra inputs are not permitted \(given: 1\)"):
        operations.run(name, {"nonsense": 1}, Progress())


def test_wrong_parameters_are_named_with_value_and_remedy():
    with pytest.raises(InputError) as caught:
        operations.run("buildembeddingtiles", {"inputs": [], "output": "x.tif", "components": -1}, Progress())
    assert "components: Input should be greater than or equal to 0 (given: -1)" in caught.value.message
    assert "inputs: List should have at least 1 item" in caught.value.message
    with pytest.raises(InputError, match="no operation named 'nothing'; there are applyclassifier"):
        operations.run("nothing", {}, Progress())


def test_from_a_shell(pair, tmp_path):
    request = {"inputs": [str(path) for path in pair], "output": str(tmp_path / "tiles.tif")}
    done = shell("buildembeddingtiles", "-", stdin=json.dumps(request))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["components"] == 8 and (tmp_path / "tiles.tif").exists()
    assert "value mapping alphaearth" in done.stderr
    failed = shell("buildembeddingtiles", "-", stdin=json.dumps({**request, "inputs": ["/nowhere.tif"] * 2}))
    assert failed.returncode == 1 and "There is no file /nowhere.tif" in failed.stderr and not failed.stdout
    assert "Traceback" not in failed.stderr
    for arguments, stdin in (
        (("nonsense", "-"), ""),
        (("buildembeddingtiles",), ""),
        (("buildembeddingtiles", "-"), "["),
    ):
        assert shell(*arguments, stdin=stdin).returncode == 2
