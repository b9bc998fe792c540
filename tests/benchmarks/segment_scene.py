"""What the benchmarks of segmentation share: a raster of six bands, a U-Net of half a million parameters, its ONNX
file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

TILE, OVERLAP, CLASSES = 512, 64, 3
BANDS = ["B02", "B03", "B04", "B08", "B11", "B12"]
MEAN, STD = [0.06, 0.08, 0.09, 0.25, 0.2, 0.14], [0.03, 0.03, 0.05, 0.1, 0.08, 0.07]


def need_torch() -> Any:
    """torch; without it the benchmark says that it was skipped, and ends."""
    try:
        import torch
    except ImportError:
        print(json.dumps({"name": Path(sys.argv[0]).stem.removeprefix("bench_"),
                          "skipped": "it needs torch, which is no part of Bitscape: requirements/models.txt"}))
        sys.exit(0)
    return torch


def make_raster(path: Path, size: int, deflate: bool = True) -> Path:
    """Six bands of uint16, reflectance × 10,000: fields, a river and noise, 10 m."""
    random = np.random.default_rng(1)
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 6,
        "height": size,
        "width": size,
        "crs": "EPSG:32631",
        "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000),
        "nodata": 0,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate" if deflate else "zstd",
        "zlevel" if deflate else "zstd_level": 1,
        "predictor": 2,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for number, name in enumerate(BANDS, 1):
            dataset.set_band_description(number, name)
        for top in range(0, size, 512):
            for left in range(0, size, 512):
                fields = random.uniform(0.3, 1, (6, 9, 9)).repeat(64, 1).repeat(64, 2)[:, 11:523, 23:535]
                pixels = fields * np.array(MEAN)[:, None, None] * 1.4 + random.normal(0, 0.004, (6, 512, 512))
                rows, columns = np.mgrid[top : top + 512, left : left + 512]
                river = np.abs(rows - size / 2 - 0.2 * size * np.sin(columns / size * 9)) < 40
                pixels[:, river] *= np.array([0.9, 0.8, 0.5, 0.15, 0.1, 0.1])[:, None]
                dataset.write(np.clip(pixels * 10_000, 1, 65_000).astype(np.uint16), window=Window(left, top, 512, 512))
    return path


def make_model(path: Path) -> Any:
    """The network (torch, eval) and its ONNX file with a card; logits of three classes."""
    torch = need_torch()
    network = unet(torch)
    buffer = io.BytesIO()
    torch.onnx.export(network, (torch.zeros(1, 6, TILE, TILE),), buffer, input_names=["image"], output_names=["logits"],
                      opset_version=17, dynamo=False)
    import onnx

    model = onnx.load_from_string(buffer.getvalue())
    card = {
        "model_type": "Segmentor", "name": "bench", "resolution": 10, "tile_size": TILE, "overlap": OVERLAP,
        "bands": BANDS, "scale": 10_000, "mean": MEAN, "std": STD, "licence": "CC0",
        "heads": [{"activation": "softmax", "classes": [
            {"id": 0, "name": "field"}, {"id": 1, "name": "forest"}, {"id": 2, "name": "water"}]}],
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = "bitscape_card", json.dumps(card)
    path.write_bytes(model.SerializeToString())
    return network


def unet(torch: Any) -> Any:
    """A U-Net of 16 to 128 channels with batch normalisation, of a fixed seed."""
    nn = torch.nn
    torch.manual_seed(0)

    def block(inputs: int, outputs: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    class UNet(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(6, 16), block(16, 32), block(32, 64), block(64, 128)])
            self.rise = nn.ModuleList([nn.ConvTranspose2d(2 * c, c, 2, stride=2) for c in (64, 32, 16)])
            self.up = nn.ModuleList([block(2 * c, c) for c in (64, 32, 16)])
            self.last = nn.Conv2d(16, CLASSES, 1)

        def forward(self, x: Any) -> Any:
            kept = []
            for number, one in enumerate(self.down):
                x = one(x if number == 0 else nn.functional.max_pool2d(x, 2))
                kept.append(x)
            for rise, up, skip in zip(self.rise, self.up, kept[-2::-1]):
                x = up(torch.cat([rise(x), skip], dim=1))
            return self.last(x)

    network = UNet().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network
