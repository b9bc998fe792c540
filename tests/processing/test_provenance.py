"""Fingerprints notice change; records carry licences once."""

from __future__ import annotations

import json
import sys
from importlib import metadata

import pytest
from bitscape.processing import environment, provenance


def test_fingerprints(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"abc")
    large.write_bytes(bytes(9 << 20))
    first = [provenance.fingerprint(path) for path in (small, large)]
    assert first == [provenance.fingerprint(path) for path in (small, large)]
    small.write_bytes(b"abd")
    with large.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"x")
    assert all(a != b for a, b in zip(first, (provenance.fingerprint(path) for path in (small, large)), strict=True))
    assert provenance.fingerprint("/vsicurl/x").startswith("name-")


def test_record(tmp_path):
    path = tmp_path / "a.tif"
    path.touch()
    record = provenance.provenance("op", {"k": 8}, [path], ["CC-BY-4.0", "CC-BY-4.0", ""], ["By them.", ""])
    assert record["licences"] == ["CC-BY-4.0"] and record["attributions"] == ["By them."]
    assert record["inputs"][0]["name"] == "a.tif" and record["versions"]["bitscape"] != "missing"
    tags = provenance.tags(record)
    assert json.loads(tags[provenance.TAG]) == record and tags["ATTRIBUTION"] == "By them."


def test_what_models_run_on_is_named_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of its builds is there, without importing it; none where there is none."""
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    assert environment.versions()["onnxruntime"] == metadata.version("onnxruntime")
    assert "onnxruntime" not in sys.modules
    record = provenance.provenance("op", {}, [])
    assert record["versions"]["onnxruntime"] == metadata.version("onnxruntime")
    for there, expected in (({"onnxruntime-gpu": "1.20"}, {"onnxruntime-gpu": "1.20"}), ({}, {})):

        def version(name: str, there: dict[str, str] = there) -> str:
            if name.startswith("onnxruntime") and name not in there:
                raise metadata.PackageNotFoundError(name)
            return there.get(name, "1")

        monkeypatch.setattr(metadata, "version", version)
        found = {name: text for name, text in environment.versions().items() if name.startswith("onnxruntime")}
        assert found == expected
