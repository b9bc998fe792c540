"""The operation: the files, their contents, and what happens when something is wrong or the user stops it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError, OutputError
from bitscape.processing.progress import Progress
from bitscape.processing.sampledata.create import SampleRequest, SampleResult, create_sample_data


def create(folder: Path, **values: object) -> SampleResult:
    return create_sample_data(SampleRequest.model_validate({"folder": folder, "size": 576, **values}), Progress())


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def digests(result: SampleResult) -> list[str]:
    paths = [*result.embeddings, *result.sentinel2, result.truth, result.landcover]
    _, _, shapes, fields = pyogrio.raw.read(result.labels, layer="labels")
    labels = [str(shapes.tolist()), *(str(values.tolist()) for values in fields)]
    return [hashlib.sha256(pixels(path).tobytes()).hexdigest() for path in paths] + labels


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleResult:
    return create(tmp_path_factory.mktemp("sample") / "new" / "folder", threads=2)


def test_the_same_request_gives_the_same_pixels(sample: SampleResult, tmp_path: Path) -> None:
    assert digests(create(tmp_path / "again", threads=1)) == digests(sample)


def test_another_seed_is_another_landscape(sample: SampleResult, tmp_path: Path) -> None:
    other = create(tmp_path, seed=1, years=[2020])
    assert (pixels(other.landcover) != pixels(sample.landcover)).mean() > 0.3


def test_embeddings_are_on_alphaearths_grid(sample: SampleResult) -> None:
    fourths = ((np.arange(256).astype(np.uint8).view(np.int8) / 127.5) ** 4).astype(np.float32)
    for year, path in zip((2020, 2022, 2024), sample.embeddings, strict=True):
        with rasterio.open(path) as dataset:
            assert (dataset.count, dataset.dtypes[0], dataset.nodata) == (64, "int8", -128)
            assert dataset.crs.to_epsg() == 32610
            assert dataset.res == (10, 10)
            assert dataset.descriptions == tuple(f"A{band:02d}" for band in range(64))
            assert dataset.block_shapes[0] == (512, 512)
            assert dataset.overviews(1)
            tags = dataset.tags()
            codes = dataset.read()
        assert (tags["PRODUCT"], tags["LICENSE"], tags["YEAR"]) == ("Bitscape synthetic sample", "CC0-1.0", str(year))
        assert "AlphaEarth" not in str(tags) and "ATTRIBUTION" not in tags
        missing = codes == -128
        assert (missing.all(axis=0) == missing.any(axis=0)).all()
        assert 0.02 < missing[0].mean() < 0.15
        lengths = np.sqrt(fourths[codes[:, ~missing[0]].view(np.uint8)].sum(axis=0, dtype=np.float64))
        assert lengths.min() >= 0.994 and lengths.max() <= 1.006
    gaps = [pixels(path)[0] == -128 for path in sample.embeddings]
    assert 0 < (gaps[0] ^ gaps[2]).mean() < 0.03


def test_pictures_truth_and_land_cover_share_the_grid(sample: SampleResult) -> None:
    with rasterio.open(sample.embeddings[0]) as dataset:
        transform, shape = dataset.transform, dataset.shape
    for path in (*sample.sentinel2, sample.truth, sample.landcover):
        with rasterio.open(path) as dataset:
            assert (dataset.transform, dataset.shape) == (transform, shape)
    with rasterio.open(sample.sentinel2[1]) as dataset:
        assert dataset.descriptions == (
            "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12",
        )
        assert dataset.dtypes[0] == "uint16"
        empty = dataset.read() == 0
    assert (empty[0] == (pixels(sample.embeddings[2])[0] == -128)).all()
    with rasterio.open(sample.landcover) as dataset:
        names = {int(tag[6:]) for tag in dataset.tags() if tag.startswith("CLASS_")}
        assert set(np.unique(dataset.read())) <= names
        assert len({dataset.colormap(1)[code] for code in names}) == len(names)


def test_truth_and_figures_agree(sample: SampleResult) -> None:
    truth = pixels(sample.truth)[0]
    gaps = (pixels(sample.embeddings[0])[0] == -128) | (pixels(sample.embeddings[2])[0] == -128)
    assert ((truth == 255) == gaps).all()
    assert sample.covered_fraction == pytest.approx(1 - gaps.mean())
    assert sample.changed_fraction == pytest.approx((truth[~gaps] == 1).mean())
    assert 0.02 < sample.changed_fraction < 0.12
    assert sample.difficulty_f1 is not None and 0.4 < sample.difficulty_f1 <= 0.7


def test_labels_are_true_and_complete(sample: SampleResult) -> None:
    meta, _, shapes, values = pyogrio.raw.read(sample.labels, layer="labels")
    fields = dict(zip(meta["fields"], values, strict=True))
    assert list(fields) == ["label", "role", "when", "image_date", "interpreter", "certainty", "product_version",
                            "uuid", "created"]
    assert "32610" in meta["crs"]
    points = shapely.from_wkb(shapes)
    with rasterio.open(sample.truth) as dataset:
        found = np.array([value[0] for value in dataset.sample(zip(shapely.get_x(points), shapely.get_y(points)))])
        transform = dataset.transform
    column, row = ~transform @ (shapely.get_x(points), shapely.get_y(points))
    assert (found == (fields["label"] == "change")).all()
    for path in sample.embeddings:
        assert (pixels(path)[0, row.astype(int), column.astype(int)] != -128).all()
    assert 110 <= len(points) <= 200
    assert 50 <= (found == 1).sum() <= 80
    assert set(fields["role"]) == {"train"}
    assert len(set(fields["uuid"])) == len(points)
    quarters = np.histogram2d(row, column, bins=[[0, 288, 576], [0, 288, 576]])[0]
    assert (quarters >= 12).all(), "labels are spread over the map"
    classes = pyogrio.raw.read(sample.labels, layer="classes", read_geometry=False)
    assert list(classes[0]["fields"]) == ["code", "name", "colour"]
    assert list(classes[3][0]) == ["change", "nochange"]


def test_hard_cases_are_labelled(sample: SampleResult) -> None:
    meta, _, shapes, values = pyogrio.raw.read(sample.labels, layer="labels")
    still = values[list(meta["fields"]).index("label")] == "nochange"
    points = shapely.from_wkb(shapes)[still]
    with rasterio.open(sample.truth) as dataset:
        column, row = (axis.astype(int) for axis in ~dataset.transform @ (shapely.get_x(points), shapely.get_y(points)))
    first, last = (pixels(path)[:, row, column].astype(float) / 127.5 for path in sample.embeddings[::2])
    lengths = np.linalg.norm(np.sign(last) * last**2 - np.sign(first) * first**2, axis=0)
    assert (lengths > 0.6).mean() > 0.15, "fields that rotated their crops are among the unchanged points"


def test_one_year_has_no_change(tmp_path: Path) -> None:
    result = create(tmp_path, size=128, years=[2021])
    assert result.difficulty_f1 is None
    assert result.changed_fraction == 0
    assert [path.name for path in result.sentinel2] == ["sentinel2_2021.tif"]
    assert set(np.unique(pixels(result.truth))) == {0, 255}
    meta, _, _, values = pyogrio.raw.read(result.labels, layer="labels")
    assert set(values[list(meta["fields"]).index("label")]) == {"nochange"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"years": [2024, 2020]}, "ascend"),
        ({"years": [2020, 2020]}, "ascend"),
        ({"years": []}, "years"),
        ({"years": [20]}, "1900"),
        ({"size": 100}, "size"),
        ({"size": 20000}, "size"),
        ({"seed": -1}, "seed"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_requests_are_named(values: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        operations.run("createsampledata", {"folder": str(tmp_path / "out"), **values}, Progress())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="file"):
            create(folder, size=128)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that refuses even the superuser: /proc")
def test_a_folder_that_refuses() -> None:
    for folder in (Path("/proc"), Path("/proc/sample")):
        with pytest.raises(OutputError, match=f"{folder}.*[Cc]hoose another folder"):
            create(folder, size=128)


@pytest.mark.parametrize("after", [1, 9, 20])
def test_cancel_leaves_nothing(after: int, tmp_path: Path) -> None:
    reports = 0

    def count(fraction: float, message: str) -> None:
        nonlocal reports
        reports += 1
        if reports == after:
            progress.cancel()

    progress = Progress(count)
    with pytest.raises(Cancelled):
        create_sample_data(SampleRequest(folder=tmp_path / "a" / "b", size=576), progress)
    assert list(tmp_path.iterdir()) == []


def test_cancel_keeps_what_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "embeddings_2020.tif").write_text("mine")
    progress = Progress(lambda fraction, message: progress.cancel() if fraction > 0.2 else None)
    with pytest.raises(Cancelled):
        create_sample_data(SampleRequest(folder=tmp_path, size=576), progress)
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings_2020.tif"]
    assert (tmp_path / "embeddings_2020.tif").read_text() == "mine"
