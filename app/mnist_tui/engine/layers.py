"""A convolution, max-pooling and ReLU in one, for few channels on the CPU.

With 1 to 4 channels, vector instructions over channels stay nearly empty. Here the batch is the innermost dimension and
fills them; the convolution is a matrix product over its patches.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

_TIE: Final = -1e-37
"""Values closer to the maximum than this are ties; the first of them gets the gradient, as in PyTorch's pooling."""

_masked = torch.ops.aten.threshold_backward
"""`_masked(a, b, t)` is `a` where `b > t`, else 0; faster than `torch.where`."""


class ConvPoolReLU(torch.autograd.Function):
    """`relu(max_pool2d(conv2d(x, weight, bias, padding=1), 2))` with the batch innermost.

    Shapes: x (C, H, W, N), weight (K, C, 3, 3), bias (K,) -> (K, H / 2, W / 2, N); H and W are even.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the pooled values; patches are laid out by their place in the pooling window."""
        channels, height, width, n = x.shape
        h, w = height // 2, width // 2
        padded = F.pad(x, (0, 0, 1, 1, 1, 1))
        c, row, column, one = padded.stride()
        patches = padded.as_strided(
            (channels, 3, 3, 2, 2, h, w, n), (c, row, column, row, column, 2 * row, 2 * column, one)
        ).reshape(channels * 9, 4 * h * w * n)
        values = torch.mm(weight.view(len(weight), -1), patches).view(len(weight), 4, h * w * n)
        highest = values.amax(dim=1)
        pooled = torch.relu_(highest + bias[:, None])
        ctx.save_for_backward(patches, values, highest, pooled, weight)
        ctx.input_shape = x.shape
        return pooled.view(-1, h, w, n)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Return the gradients of x, weight and bias."""
        patches, values, highest, pooled, weight = ctx.saved_tensors
        channels, height, width, n = ctx.input_shape
        h, w = height // 2, width // 2
        left = _masked(gradients[0].reshape(pooled.shape), pooled, 0)
        grad_bias = left.sum(dim=1)
        grad_values = torch.empty_like(values)
        below = values - highest[:, None]
        for place in range(3):
            taken = _masked(left, below[:, place], _TIE)
            grad_values[:, place] = taken
            left = left - taken
        grad_values[:, 3] = left
        grad_values = grad_values.view(len(weight), -1)
        grad_weight = torch.mm(grad_values, patches.t()).view_as(weight)
        if not ctx.needs_input_grad[0]:
            return None, grad_weight, grad_bias
        grad_patches = torch.mm(weight.view(len(weight), -1).t(), grad_values).view(channels, 3, 3, 2, 2, h, w, n)
        grad_padded = weight.new_zeros(channels, height + 2, width + 2, n)
        for i in range(3):
            for j in range(3):
                window = grad_padded[:, i : i + height, j : j + width].unflatten(1, (h, 2)).unflatten(3, (w, 2))
                window.permute(0, 2, 4, 1, 3, 5).add_(grad_patches[:, i, j])
        return grad_padded[:, 1:-1, 1:-1], grad_weight, grad_bias
