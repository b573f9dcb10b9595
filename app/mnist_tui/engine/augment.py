"""Changes training images at random: moved, turned, enlarged or mirrored, each image in its own way.

With PyTorch's `affine_grid` and not torchvision's transforms: those change a whole batch alike, and image by image they
take ten times as long, as much as all the rest of a step (measured for 64 images of 28x28 on one thread).
"""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

SHIFT: Final = 0.1
"""Largest shift in either direction, as a fraction of the side: almost 3 of 28 pixels."""
ANGLE: Final = math.radians(15)
ZOOM: Final = 0.15
"""Largest change of the size."""


def augmented(images: Tensor, changes: str) -> Tensor:
    """Return images (N, channels, side, side), float32, changed at random with PyTorch's global generator.

    Args:
        images: The images.
        changes: Names of changes joined by `+`, as in the setting `augment`.
    """
    chosen, count, device = set(changes.split("+")), len(images), images.device

    def noise(width: float) -> Tensor:
        return (2 * torch.rand(count, device=device) - 1) * width

    angle = noise(ANGLE if "rotate" in chosen else 0.0)
    size = 1 + noise(ZOOM if "zoom" in chosen else 0.0)
    mirror = 1 - 2 * (torch.rand(count, device=device) < (0.5 if "flip" in chosen else 0.0)).float()
    # Places in an image go from -1 to 1, so that its side is 2.
    across, down = (noise(2 * SHIFT if "shift" in chosen else 0.0) for _ in range(2))
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    theta = torch.stack([torch.stack([cos * mirror, -sin, across], 1), torch.stack([sin * mirror, cos, down], 1)], 1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    # Beyond the edge an image goes on with its edge, black or white.
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
