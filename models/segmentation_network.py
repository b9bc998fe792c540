"""A small U-Net for segmentation: convolutions, batch normalisation and bilinear upsampling only, so that every runtime
runs it fast and a window's size does not matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FACTOR = 16
"""Sides of an input must be multiples of it: four halvings."""


class SegmentationNetwork(nn.Module):
    """(n, channels, h, w) → logits (n, classes, h, w); h and w multiples of 16. ``width``: channels of the first level,
    doubled at each of three halvings (Ronneberger et al., 2015). With width 12 it has 0.7 M parameters."""

    def __init__(self, channels: int, classes: int, width: int = 12) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down = nn.ModuleList(
            _block(before, after) for before, after in zip([channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(
            _block(deep + skip, skip) for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch."""
        skips: list[Tensor] = []
        found = pixels
        for level, block in enumerate(self.down):
            found = block(nn.functional.max_pool2d(found, 2) if level else found)
            skips.append(found)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            larger = nn.functional.interpolate(found, scale_factor=2, mode="bilinear", align_corners=False)
            found = block(torch.cat((larger, skip), 1))
        logits: Tensor = self.head(found)
        return logits


def _block(before: int, after: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for channels in (before, after):
        parts += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts)
