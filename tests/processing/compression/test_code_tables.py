"""Tables of codes: Parquet in every shape that products have, and every kind that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bitscape.processing import operations
from bitscape.processing.compression.recipe import Codec
from bitscape.processing.embeddings.mapping import dequantise, quantise
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.progress import Progress

CLAY = "clay_geoparquet/clay_v0_03WVN_20220610_20220610_v001.gpq"


def run(operation: str, source, output, progress=None, **options):
    values = json.loads(json.dumps({"input": source, "output": output, **options}, default=str))
    return operations.run(f"{operation}embeddings", values, progress or Progress())


def cancelled_after(moment: float) -> Progress:
    """A progress that the user stops once it is beyond ``moment``."""
    progress = Progress(lambda fraction, message: progress.cancel() if fraction > moment else None)
    return progress


def vectors(count=300, dimensions=10, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def table(rows, kind=None, name="embedding", **columns) -> pa.Table:
    """A table of vectors (None: null) with an id, a geometry and GeoParquet's footer."""
    column = pa.array([None if row is None else list(row) for row in rows], kind or pa.list_(pa.float32()))
    made = pa.table({
        "id": [f"p{number}" for number in range(len(rows))], name: column,
        "geometry": pa.array([bytes([number % 256]) for number in range(len(rows))], pa.binary()), **columns,
    })
    return made.replace_schema_metadata({"geo": '{"primary_column": "geometry"}', "pandas": "{}", "emb": "kept"})


KINDS = {
    "variable": pa.list_(pa.float32()), "large": pa.large_list(pa.float32()), "fixed": pa.list_(pa.float32(), 10),
    "double": pa.list_(pa.float64()), "half": pa.list_(pa.float16(), 10),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["embedding", "embeddings", "vector"])
def test_every_kind_of_list_is_encoded_row_by_row(tmp_path, kind, name):
    rows = vectors().astype(np.float16 if kind == "half" else np.float32)
    pq.write_table(table(rows, KINDS[kind], name), tmp_path / "in.parquet", row_group_size=70)
    result = run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", recipe="turbo4")
    assert (result["vectors"], result["missing"], result["bytes"], result["dimensions"]) == (300, 0, 5, 10)
    assert result["held_out"] == 60 and 0.98 < result["similarity"] < 1
    made = pq.read_table(tmp_path / "codes.parquet")
    assert made.schema.names == ["id", "code", "geometry"] and made.schema.field("code").type == pa.binary(5)
    codec = Codec.load(tmp_path / "codes.codec.json")
    wanted = codec.encode(rows.astype(np.float32))
    assert made["code"].to_pylist() == [row.tobytes() for row in wanted]
    source = pq.read_table(tmp_path / "in.parquet")
    assert made["id"].equals(source["id"]) and made["geometry"].equals(source["geometry"])
    footer = made.schema.metadata
    assert footer[b"geo"] == b'{"primary_column": "geometry"}' and footer[b"emb"] == b"kept" and b"pandas" not in footer
    assert json.loads(footer[b"quantization"]) == {
        "method": "turbo4", "n_dims": 10, "bytes": 5, "column": name, "codec": "codes.codec.json",
        "fingerprint": codec.fingerprint}
    assert json.loads(footer[b"bitscape_provenance"])["operation"] == "compressembeddings"
    run("decompress", tmp_path / "codes.parquet", tmp_path / "back.parquet")
    back = pq.read_table(tmp_path / "back.parquet")
    assert back.schema.names == ["id", name, "geometry"] and back.schema.field(name).type == pa.list_(pa.float32(), 10)
    np.testing.assert_array_equal(np.stack(back[name].to_numpy()), codec.decode(wanted))
    assert b"quantization" not in back.schema.metadata and back.schema.metadata[b"emb"] == b"kept"


def test_rows_without_a_vector_have_no_code_and_are_counted(tmp_path):
    rows: list = list(vectors(50))
    heard: list[str] = []
    rows[3] = None
    rows[7] = [*rows[7][:9], float("nan")]
    rows[8] = [*rows[8][:9], None]
    rows[49] = [*rows[49][:9], float("-inf")]
    for number, kind in enumerate((KINDS["variable"], KINDS["fixed"])):
        pq.write_table(table(rows, kind), tmp_path / "in.parquet", row_group_size=8)
        progress = Progress(log=lambda message, level: heard.append(message) if level == "warning" else None)
        result = run("compress", tmp_path / "in.parquet", tmp_path / f"codes{number}.parquet", progress, recipe="int4")
        assert (result["vectors"], result["missing"]) == (46, 4)
        assert any("4 of 50 rows have no vector" in line for line in heard)
        made = pq.read_table(tmp_path / f"codes{number}.parquet")
        assert [row for row, code in enumerate(made["code"].to_pylist()) if code is None] == [3, 7, 8, 49]
        back = run("decompress", tmp_path / f"codes{number}.parquet", tmp_path / "back.parquet")
        assert (back["vectors"], back["missing"]) == (46, 4)
        found = pq.read_table(tmp_path / "back.parquet")["embedding"].to_pylist()
        assert [row for row, vector in enumerate(found) if vector is None] == [3, 7, 8, 49]


def test_int8_of_alphaearth_is_recognised_and_given_back(tmp_path):
    units = vectors(400, 16)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    codes = np.clip(np.rint(np.sign(units) * np.sqrt(np.abs(units)) * 127.5), -127, 127).astype(np.int8)
    codes[5, 2] = -128
    pq.write_table(table(codes, pa.list_(pa.int8(), 16)), tmp_path / "in.parquet")
    result = run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", recipe="int8")
    assert (result["mapping"], result["ratio"], result["missing"]) == ("alphaearth", 1.0, 1)
    run("decompress", tmp_path / "codes.parquet", tmp_path / "back.parquet", values="source")
    back = pq.read_table(tmp_path / "back.parquet")
    assert back.schema.field("embedding").type == pa.list_(pa.int8(), 16) and back["embedding"][5].as_py() is None
    again = np.array([row for row in back["embedding"].to_pylist() if row is not None], np.int8)
    codec = Codec.load(tmp_path / "codes.codec.json")
    wanted = quantise(codec.decode(codec.encode(dequantise(codes[np.arange(400) != 5]))))
    np.testing.assert_array_equal(again, wanted)
    assert np.abs(again.astype(int) - codes[np.arange(400) != 5]).mean() < 1
    assert b"Google" in back.schema.metadata[b"bitscape_provenance"], "the attribution goes with it"


def test_large_tables_go_through_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("bitscape.processing.compression.code_table.BATCH_BYTES", 1 << 14)
    rows = vectors(5000, 32)
    pq.write_table(table(rows, pa.list_(pa.float32(), 32)), tmp_path / "in.parquet", row_group_size=5000)
    run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", recipe="binary-median", sample=1000)
    made = pq.ParquetFile(tmp_path / "codes.parquet")
    assert made.metadata.num_row_groups > 20
    codec = Codec.load(tmp_path / "codes.codec.json")
    assert codec.training_rows == 1000
    assert b"".join(made.read()["code"].to_pylist()) == codec.encode(rows).tobytes()


def test_a_row_group_of_any_size_does_not_come_into_memory_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("bitscape.processing.compression.code_table.BATCH_BYTES", 1 << 20)
    rows = vectors(60_000, 256)
    pq.write_table(table(rows, pa.list_(pa.float32(), 256)), tmp_path / "in.parquet", row_group_size=60_000)
    before, most = pa.total_allocated_bytes(), [0]
    progress = Progress(lambda fraction, message: most.append(pa.total_allocated_bytes() - before))
    run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", progress, recipe="int4", sample=500)
    assert 1e6 < max(most) < 15e6 < rows.nbytes / 4
    before, most[:] = pa.total_allocated_bytes(), [0]
    progress = Progress(lambda fraction, message: most.append(pa.total_allocated_bytes() - before))
    run("decompress", tmp_path / "codes.parquet", tmp_path / "back.parquet", progress)
    assert max(most) < 15e6


def test_the_sample_comes_from_all_over_the_table(tmp_path):
    rows = vectors(4000, 4) + np.arange(4000, dtype=np.float32)[:, None]
    pq.write_table(table(rows), tmp_path / "in.parquet", row_group_size=100)
    run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", recipe="int8", sample=300)
    low, scale = (Codec.load(tmp_path / "codes.codec.json").quantiser.arrays()[name] for name in ("low", "scale"))
    assert (low < 100).all() and (low + 255 * scale > 3900).all()


def test_an_empty_table_is_valid_and_stays_empty(tmp_path):
    for kind in KINDS.values():
        pq.write_table(table([], kind), tmp_path / "in.parquet")
        result = run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet")
        assert (result["codec"], result["vectors"], result["similarity"]) == (None, 0, None)
        assert sorted(path.name for path in tmp_path.glob("codes*")) == ["codes.parquet"]
        made = pq.read_table(tmp_path / "codes.parquet")
        assert made.num_rows == 0 and made.schema.names == ["id", "code", "geometry"]
        assert made.schema.metadata[b"geo"] == b'{"primary_column": "geometry"}'
        run("decompress", tmp_path / "codes.parquet", tmp_path / "back.parquet")
        back = pq.read_table(tmp_path / "back.parquet")
        assert back.num_rows == 0 and back.schema.names == ["id", "embedding", "geometry"]


def test_what_cannot_be_used_is_told_in_words_and_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    rows = vectors(20)
    whole = tmp_path / "whole.parquet"
    pq.write_table(table(rows), whole)
    cut, text = tmp_path / "cut.parquet", tmp_path / "text.parquet"
    cut.write_bytes(whole.read_bytes()[:-50])
    text.write_text("no table")
    made = {
        "uneven": table([*rows[:10], rows[10][:9]]), "nulls": table([None, None]), "bytes": table(
            np.zeros((5, 8), np.uint8), pa.list_(pa.uint8(), 8)), "other": table(rows, name="emb_y"),
        "two": table(rows, name="emb_x").append_column("emb_y", table(rows, name="emb_y")["emb_y"]),
        "taken": table(rows, code=pa.array(["x"] * 20)), "scalar": table(rows).drop_columns("embedding"),
    }
    for name, content in made.items():
        pq.write_table(content, tmp_path / f"{name}.parquet")
    for name, options, words in (
        ("nowhere", {}, "There is no file .*nowhere.parquet"),
        ("cut", {}, "cut.parquet is not a Parquet file that can be read"),
        ("text", {}, "text.parquet is not a Parquet file that can be read"),
        ("uneven", {}, "vector in row 10 has not 10 numbers"),
        ("nulls", {}, "None of the 2 rows"),
        ("bytes", {}, "embedding holds .*uint8.*may hold bits that are packed already"),
        ("two", {}, r"no column embedding, embeddings, vector\. Its lists of numbers are emb_x, emb_y: name one"),
        ("other", {"column": "emb_z"}, "no column emb_z"),
        ("other", {"column": "id"}, "column id holds string"),
        ("taken", {}, "has a column code already"),
        ("scalar", {}, "no lists of numbers at all"),
        ("whole", {"recipe": "pca-11+int8"}, "at least 11 dimensions"),
        ("whole", {"mapping": "alphaearth"}, "AlphaEarth mapping is for int8"),
    ):
        with pytest.raises(InputError, match=words):
            run("compress", tmp_path / f"{name}.parquet", out / "codes.parquet", **options)
        assert not list(out.iterdir()), words
    with pytest.raises(InputError, match=r"Parquet table, so the output must end in .parquet"):
        run("compress", whole, out / "codes.tif")
    with pytest.raises(InputError, match="is not a table of codes"):
        run("decompress", whole, out / "back.parquet")
    run("compress", tmp_path / "other.parquet", tmp_path / "other_codes.parquet", recipe="int8")
    run("compress", whole, out / "codes.parquet", recipe="int4")
    with pytest.raises(InputError, match=r"The codec \(int8, .*is not the one"):
        run("decompress", out / "codes.parquet", out / "back.parquet", codec=tmp_path / "other_codes.codec.json")
    assert sorted(path.name for path in out.iterdir()) == ["codes.codec.json", "codes.parquet"]


def test_cancelling_leaves_nothing(tmp_path):
    pq.write_table(table(vectors()), tmp_path / "in.parquet", row_group_size=10)
    for moment in (0.05, 0.5):
        with pytest.raises(Cancelled):
            run("compress", tmp_path / "in.parquet", tmp_path / "codes.parquet", cancelled_after(moment))
        assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_real_patch_embeddings(shared_data: Path, tmp_path):
    source = shared_data / CLAY
    result = run("compress", source, tmp_path / "codes.parquet")
    assert (result["recipe"], result["bytes"], result["vectors"]) == ("turbo4", 384, 417)
    assert result["held_out"] == 83 and result["similarity"] > 0.999
    made, before = pq.read_table(tmp_path / "codes.parquet"), pq.read_table(source)
    for name in ("index", "source_url", "date", "geometry"):
        assert made[name].equals(before[name])
    assert made.schema.metadata[b"geo"] == before.schema.metadata[b"geo"]
    empty = run("compress", shared_data / "clay_geoparquet/earthindex_21MNT_sample.parquet", tmp_path / "none.parquet")
    assert empty["vectors"] == 0 and pq.read_table(tmp_path / "none.parquet").num_rows == 0
