"""The report's network in compiled loops: forward, backward, Adam. Independent of PyTorch.

Images are processed in tiles of `TILE`: each goes through the whole network and back, so that its activations stay in
the cache for the backward pass. In the convolutions a vector holds one pixel of `LANES` images, in the layers after the
bottleneck `LANES` hidden units of one image. All arrays are one-dimensional; docstrings give their logical shapes.
Gradients are summed per share of a batch and then in the order of the shares, so that the sums do not depend on which
thread computes which share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numba
import numpy as np

from mnist_tui.engine.lanes import (
    COLUMN,
    LANES,
    ROW,
    column,
    correlate,
    dot,
    factors,
    fill,
    load,
    load_places,
    madd,
    pixels,
    plus,
    pool,
    rectified,
    row,
    store,
    store_column,
    taps,
    total,
    unpool,
    where_positive,
)

TILE: Final = 16
"""Images that go through the network together."""
GROUPS: Final = TILE // LANES
SHARES: Final = 4
"""Parts of a batch whose gradients are summed separately; at most this many threads can share a batch."""
KERNEL: Final = 9
"""Weights of a 3x3 kernel."""
BLOCK: Final = 16 * ROW * LANES
"""Hidden units whose weights stay in the cache while a tile is processed."""

CACHE_LINE: Final = 64
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's usual settings, which are PyTorch's defaults."""

_options: Final[dict[str, Any]] = {
    "nogil": True,
    "boundscheck": False,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
# Numba gives every function its own module, copies all its callees into it, and optimizes and compiles the whole: each
# level of calls compiles the inner functions again. So functions with a single caller are inlined, and only the entry
# point can be called from Python.
_inner: Final[dict[str, Any]] = {**_options, "no_cpython_wrapper": True}
_compiled: Final = numba.njit(**_inner)
_inlined: Final = numba.njit(**_inner, forceinline=True)
_part_of_caller: Final = numba.njit(**_inner, inline="always")
NONE: Final = np.zeros(0, np.float32)
"""Placeholder for an array that is not needed."""
NO_RATES: Final = np.zeros(0, np.float64)


def _entry(function: Callable[..., None]) -> Any:
    """Compile an entry point, cached on disk if possible."""
    dispatcher = numba.njit(**_options)(function)
    with suppress(RuntimeError, OSError):
        dispatcher.enable_caching()
    return dispatcher


class Layout(NamedTuple):
    """Sizes of the network, and the offset of each parameter in the single array that holds them all.

    Attributes:
        side: Width and height of the images, a multiple of 4.
        features: Width of the bottleneck.
        hidden: Number of hidden units, a multiple of `BLOCK`.
        classes: Number of classes; `rows` rounds it up to a multiple of `COLUMN`, and the extra rows stay zero.
        kernel1, bias1: (features, 3, 3), (features,).
        kernel2, bias2: (features, features, 3, 3), (features,).
        hidden_weight, hidden_bias: (features, hidden), (hidden,): transposed relative to PyTorch's.
        output_weight, output_bias: (rows, hidden), (rows,).
        size: Length of the whole array.
    """

    side: int
    features: int
    hidden: int
    classes: int
    rows: int
    kernel1: int
    bias1: int
    kernel2: int
    bias2: int
    hidden_weight: int
    hidden_bias: int
    output_weight: int
    output_bias: int
    size: int


class Scratch(NamedTuple):
    """Buffers of one thread; float32 except for `starts` (int64) and the places (int8).

    Attributes:
        starts: Offsets of the images of a group, (lanes,).
        images: (groups, side + 2, side + 2, lanes), with a border of zeros.
        pooled1: (groups, features, side / 2 + 2, side / 2 + 2, lanes), with a border of zeros.
        pooled2: (groups, features, side / 4, side / 4, lanes).
        places1, places2: Position of each maximum, shaped like `pooled1` and `pooled2` without borders.
        bottleneck, gradient_bottleneck: (tile, features).
        lanes_bottleneck: (tile, features, lanes), partial sums, not yet reduced across lanes.
        hidden: (tile, hidden), after ReLU.
        logits, gradient_logits: (tile, rows).
        gradient_hidden: (tile, row, lanes).
        gradient_pooled2: (features, lanes): it is the same at every position.
        spread: (features, side / 2 + 2, side / 2 + 2, lanes): the gradient of the second convolution's output.
        gradient_pooled1: (features, side / 2, side / 2, lanes).
        turned: (features, features, 3, 3), the second convolution's kernels, rotated by 180° and with channels swapped.
    """

    starts: Any
    images: Any
    pooled1: Any
    pooled2: Any
    places1: Any
    places2: Any
    bottleneck: Any
    gradient_bottleneck: Any
    lanes_bottleneck: Any
    hidden: Any
    logits: Any
    gradient_logits: Any
    gradient_hidden: Any
    gradient_pooled2: Any
    spread: Any
    gradient_pooled1: Any
    turned: Any


def layout(side: int, features: int, hidden: int, classes: int) -> Layout:
    """Return the layout of a network.

    Raises:
        ValueError: The loops do not support this image size or this number of hidden units.
    """
    if side % 4 or hidden % BLOCK:
        raise ValueError(f"images of {side} pixels with {hidden} hidden units")
    rows = -(-classes // COLUMN) * COLUMN
    convolutions = KERNEL * features, features, KERNEL * features**2, features
    sizes = *convolutions, features * hidden, hidden, rows * hidden, rows
    return Layout(side, features, hidden, classes, rows, *accumulate(sizes, initial=0))


def zeros(count: int, kind: Any = np.float32) -> Any:
    """Return an array of zeros aligned to a cache line: a vector that straddles two lines costs twice as much."""
    size = count * np.dtype(kind).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(kind)


def scratch(sizes: Layout) -> Scratch:
    """Return the buffers that one thread needs for a network."""
    features, half, quarter = sizes.features, sizes.side // 2, sizes.side // 4

    def numbers(*shape: int, kind: Any = np.float32) -> Any:
        return zeros(math.prod(shape), kind)

    return Scratch(
        starts=numbers(LANES, kind=np.int64),
        images=numbers(GROUPS, sizes.side + 2, sizes.side + 2, LANES),
        pooled1=numbers(GROUPS, features, half + 2, half + 2, LANES),
        pooled2=numbers(GROUPS, features, quarter, quarter, LANES),
        places1=numbers(GROUPS, features, half, half, LANES, kind=np.int8),
        places2=numbers(GROUPS, features, quarter, quarter, LANES, kind=np.int8),
        bottleneck=numbers(TILE, features),
        gradient_bottleneck=numbers(TILE, features),
        lanes_bottleneck=numbers(TILE, features, LANES),
        hidden=numbers(TILE, sizes.hidden),
        logits=numbers(TILE, sizes.rows),
        gradient_logits=numbers(TILE, sizes.rows),
        gradient_hidden=numbers(TILE, ROW, LANES),
        gradient_pooled2=numbers(features, LANES),
        spread=numbers(features, half + 2, half + 2, LANES),
        gradient_pooled1=numbers(features, half, half, LANES),
        turned=numbers(features, features, KERNEL),
    )


# Convolutions ------------------------------------------------------------------------------------------


@_inlined
def _windows(x, at, line, plane, kernels, first, second, channels, start1, start2):
    """Correlate two kernels with the windows of 2x2 positions at `at`; return the upper and lower pair of each."""
    a, b = fill(start1), fill(start2)
    upper1, lower1, upper2, lower2 = (a, a), (a, a), (b, b), (b, b)
    for channel in range(channels):
        p, k, m = at + channel * plane, first + KERNEL * channel, second + KERNEL * channel
        pixels_ = row(x, p)
        upper1 = correlate(pixels_, taps(kernels, k), upper1)
        upper2 = correlate(pixels_, taps(kernels, m), upper2)
        pixels_ = row(x, p + line)
        upper1 = correlate(pixels_, taps(kernels, k + 3), upper1)
        lower1 = correlate(pixels_, taps(kernels, k), lower1)
        upper2 = correlate(pixels_, taps(kernels, m + 3), upper2)
        lower2 = correlate(pixels_, taps(kernels, m), lower2)
        pixels_ = row(x, p + 2 * line)
        upper1 = correlate(pixels_, taps(kernels, k + 6), upper1)
        lower1 = correlate(pixels_, taps(kernels, k + 3), lower1)
        upper2 = correlate(pixels_, taps(kernels, m + 6), upper2)
        lower2 = correlate(pixels_, taps(kernels, m + 3), lower2)
        pixels_ = row(x, p + 3 * line)
        lower1 = correlate(pixels_, taps(kernels, k + 6), lower1)
        lower2 = correlate(pixels_, taps(kernels, m + 6), lower2)
    return upper1, lower1, upper2, lower2


@_compiled
def _convolve(x, x_at, side, channels, weights, kernels, biases, features, out, out_at, border, places, places_at):
    """Convolve 3x3, pool 2x2, rectify: x (channels, side + 2, side + 2) -> out (features, side / 2, side / 2)."""
    line, half = (side + 2) * LANES, side // 2
    plane, out_line = (side + 2) * line, (half + 2 * border) * LANES
    out_plane, places_plane = (half + 2 * border) * out_line, half * half * LANES
    for i in range(half):
        for j in range(half):
            at = x_at + 2 * i * line + 2 * j * LANES
            to = out_at + (i + border) * out_line + (j + border) * LANES
            place = places_at + (i * half + j) * LANES
            # Two kernels at a time share their loads. With an odd number, the last one is paired with itself.
            for k in range(0, features, 2):
                m = min(k + 1, features - 1)
                first, second = kernels + k * channels * KERNEL, kernels + m * channels * KERNEL
                upper1, lower1, upper2, lower2 = _windows(
                    x, at, line, plane, weights, first, second, channels, weights[biases + k], weights[biases + m]
                )
                highest, where = pool(upper1, lower1)
                store(out, to + k * out_plane, highest)
                store(places, place + k * places_plane, where)
                highest, where = pool(upper2, lower2)
                store(out, to + m * out_plane, highest)
                store(places, place + m * places_plane, where)


@_compiled
def _convolve_back(gradient, side, features, turned, channels, out):
    """Compute the gradient of a convolution's input: (features, side + 2, side + 2) -> out (channels, side, side)."""
    line, zero = (side + 2) * LANES, np.float32(0)
    plane, out_line = (side + 2) * line, side * LANES
    for i in range(0, side, 2):
        for j in range(0, side, 2):
            at = i * line + j * LANES
            for k in range(0, channels, 2):
                m = min(k + 1, channels - 1)
                first, second = k * features * KERNEL, m * features * KERNEL
                upper1, lower1, upper2, lower2 = _windows(
                    gradient, at, line, plane, turned, first, second, features, zero, zero
                )
                to = k * side * out_line + i * out_line + j * LANES
                store(out, to, upper1)
                store(out, to + out_line, lower1)
                to = m * side * out_line + i * out_line + j * LANES
                store(out, to, upper2)
                store(out, to + out_line, lower2)


@_compiled
def _kernel_gradients(x, x_at, side, channels, gradient, step, places, places_at, features, sums, kernels, biases):
    """Add up the gradients of a convolution's kernels and biases.

    gradient (features, side / 2, side / 2) is that of the pooled output; with `step` 0 instead of `LANES` it is
    (features,), the same at every position.
    """
    line, half = (side + 2) * LANES, side // 2
    plane, count = (side + 2) * line, half * half
    zero = fill(np.float32(0))
    for k in range(features):
        g_at, p_at = k * (count * step if step else LANES), places_at + k * count * LANES
        bias = zero
        for channel in range(channels):
            top, middle, bottom = (zero, zero, zero), (zero, zero, zero), (zero, zero, zero)
            for i in range(half):
                for j in range(half):
                    place = i * half + j
                    upper, lower = unpool(
                        load(gradient, g_at + place * step), load_places(places, p_at + place * LANES)
                    )
                    if channel == 0:
                        bias = plus(bias, plus(plus(upper[0], upper[1]), plus(lower[0], lower[1])))
                    at = x_at + channel * plane + 2 * i * line + 2 * j * LANES
                    pixels_ = row(x, at)
                    top = correlate(pixels_, upper, top)
                    pixels_ = row(x, at + line)
                    middle = correlate(pixels_, upper, middle)
                    top = correlate(pixels_, lower, top)
                    pixels_ = row(x, at + 2 * line)
                    bottom = correlate(pixels_, upper, bottom)
                    middle = correlate(pixels_, lower, middle)
                    pixels_ = row(x, at + 3 * line)
                    bottom = correlate(pixels_, lower, bottom)
            at = kernels + (k * channels + channel) * KERNEL
            for number in range(3):
                sums[at + number] += total(top)[number]
                sums[at + 3 + number] += total(middle)[number]
                sums[at + 6 + number] += total(bottom)[number]
        sums[biases + k] += total(bias)


@_compiled
def _spread(gradient, features, half, places, places_at, out):
    """Scatter the gradient of a pooled output to its maxima: out (features, 2 half + 2, 2 half + 2)."""
    line = (2 * half + 2) * LANES
    for k in range(features):
        values = load(gradient, k * LANES)
        for i in range(half):
            for j in range(half):
                upper, lower = unpool(values, load_places(places, places_at + ((k * half + i) * half + j) * LANES))
                to = (k * (2 * half + 2) + 2 * i + 1) * line + (2 * j + 1) * LANES
                store(out, to, upper)
                store(out, to + line, lower)


# Layers after the bottleneck ---------------------------------------------------------------------------


@_compiled
def _head(layout, weights, scratch):
    """Compute hidden units and logits of a tile from its bottleneck."""
    features, size, rows = layout.features, layout.hidden, layout.rows
    x, hidden, logits = scratch.bottleneck, scratch.hidden, scratch.logits
    zero = fill(np.float32(0))
    for n in range(TILE):
        for c in range(rows):
            logits[n * rows + c] = weights[layout.output_bias + c]
    for begin in range(0, size, BLOCK):
        for n in range(0, TILE, 2):
            for j in range(begin, begin + BLOCK, ROW * LANES):
                first = row(weights, layout.hidden_bias + j)
                second = first
                for f in range(features):
                    w = row(weights, layout.hidden_weight + f * size + j)
                    first = madd(w, fill(x[n * features + f]), first)
                    second = madd(w, fill(x[(n + 1) * features + f]), second)
                store(hidden, n * size + j, rectified(first))
                store(hidden, (n + 1) * size + j, rectified(second))
            for c in range(0, rows, COLUMN):
                sums1 = (zero, zero, zero, zero, zero)
                sums2 = sums1
                for j in range(begin, begin + BLOCK, LANES):
                    w = column(weights, layout.output_weight + c * size + j, size)
                    sums1 = madd(w, load(hidden, n * size + j), sums1)
                    sums2 = madd(w, load(hidden, (n + 1) * size + j), sums2)
                for number in range(COLUMN):
                    logits[n * rows + c + number] += total(sums1)[number]
                    logits[(n + 1) * rows + c + number] += total(sums2)[number]


@_compiled
def _logit_gradients(layout, labels, order, first, count, scale, logits, out):
    """Compute the gradient of the mean cross-entropy with respect to a tile's logits; 0 for images beyond `count`."""
    rows, classes = layout.rows, layout.classes
    for m in range(TILE * rows):
        out[m] = np.float32(0)
    for n in range(count):
        at = n * rows
        highest = logits[at]
        for c in range(1, classes):
            highest = max(highest, logits[at + c])
        whole = np.float32(0)
        for c in range(classes):
            out[at + c] = np.float32(math.exp(logits[at + c] - highest))
            whole += out[at + c]
        for c in range(classes):
            out[at + c] *= scale / whole
        out[at + labels[order[first + n]]] -= scale


@_compiled
def _head_back(layout, weights, scratch, sums):
    """Add up the gradients of both linear layers for a tile, and compute that of its bottleneck."""
    features, size, rows = layout.features, layout.hidden, layout.rows
    x, hidden, d, lanes = scratch.bottleneck, scratch.hidden, scratch.gradient_hidden, scratch.lanes_bottleneck
    gradient, out = scratch.gradient_logits, scratch.gradient_bottleneck
    zero = fill(np.float32(0))
    for c in range(rows):
        for n in range(TILE):
            sums[layout.output_bias + c] += gradient[n * rows + c]
    for m in range(TILE * features):
        store(lanes, m * LANES, zero)
    for begin in range(0, size, ROW * LANES):
        for part in range(ROW):
            j = begin + part * LANES
            for n in range(TILE):
                store(d, (n * ROW + part) * LANES, zero)
            for c in range(0, rows, COLUMN):
                at = layout.output_weight + c * size + j
                w, s = column(weights, at, size), column(sums, at, size)
                for n in range(TILE):
                    g, to = factors(gradient, n * rows + c), (n * ROW + part) * LANES
                    s = madd(g, load(hidden, n * size + j), s)
                    store(d, to, dot(g, w, load(d, to)))
                store_column(sums, at, size, s)
            s = load(sums, layout.hidden_bias + j)
            for n in range(TILE):
                to = (n * ROW + part) * LANES
                passed = where_positive(load(hidden, n * size + j), load(d, to))
                s = plus(s, passed)
                store(d, to, passed)
            store(sums, layout.hidden_bias + j, s)
        for f in range(features):
            at = layout.hidden_weight + f * size + begin
            w, s = row(weights, at), row(sums, at)
            for n in range(TILE):
                g, to = row(d, n * ROW * LANES), n * features + f
                s = madd(g, fill(x[to]), s)
                store(lanes, to * LANES, dot(g, w, load(lanes, to * LANES)))
            store(sums, at, s)
    for m in range(TILE * features):
        out[m] = total(load(lanes, m * LANES))


# The whole network -------------------------------------------------------------------------------------


@_part_of_caller
def _forward(layout, weights, images, order, first, count, scratch):
    """Run the forward pass of a tile. Lanes beyond `count` repeat its last image."""
    side, features = layout.side, layout.features
    half, quarter, line = side // 2, side // 4, (side + 2) * LANES
    share = np.float32(1) / np.float32(quarter * quarter)
    for group in range(GROUPS):
        for lane in range(LANES):
            n = min(group * LANES + lane, count - 1)
            scratch.starts[lane] = order[first + n] * side * side
        x_at = group * (side + 2) * line
        at1, places1 = group * features * (half + 2) * (half + 2) * LANES, group * features * half * half * LANES
        at2 = group * features * quarter * quarter * LANES
        for i in range(side):
            for j in range(side):
                to = x_at + (i + 1) * line + (j + 1) * LANES
                store(scratch.images, to, pixels(images, scratch.starts, i * side + j))
        _convolve(
            scratch.images, x_at, side, 1, weights, layout.kernel1, layout.bias1, features,
            scratch.pooled1, at1, 1, scratch.places1, places1,
        )  # fmt: skip
        _convolve(
            scratch.pooled1, at1, half, features, weights, layout.kernel2, layout.bias2, features,
            scratch.pooled2, at2, 0, scratch.places2, at2,
        )  # fmt: skip
        for k in range(features):
            mean = fill(np.float32(0))
            for m in range(quarter * quarter):
                mean = plus(mean, load(scratch.pooled2, at2 + (k * quarter * quarter + m) * LANES))
            store(scratch.lanes_bottleneck, 0, mean)
            for lane in range(LANES):
                scratch.bottleneck[(group * LANES + lane) * features + k] = scratch.lanes_bottleneck[lane] * share
    _head(layout, weights, scratch)


@_part_of_caller
def _backward(layout, weights, scratch, sums):
    """Run the backward pass of a tile, given the gradients of its logits; add the results to `sums`."""
    side, features = layout.side, layout.features
    half, quarter = side // 2, side // 4
    share = np.float32(1) / np.float32(quarter * quarter)
    _head_back(layout, weights, scratch, sums)
    for group in range(GROUPS):
        for k in range(features):
            for lane in range(LANES):
                value = scratch.gradient_bottleneck[(group * LANES + lane) * features + k]
                scratch.gradient_pooled2[k * LANES + lane] = value * share
        x_at = group * (side + 2) * (side + 2) * LANES
        at1, places1 = group * features * (half + 2) * (half + 2) * LANES, group * features * half * half * LANES
        at2 = group * features * quarter * quarter * LANES
        _kernel_gradients(
            scratch.pooled1, at1, half, features, scratch.gradient_pooled2, 0, scratch.places2, at2, features,
            sums, layout.kernel2, layout.bias2,
        )  # fmt: skip
        _spread(scratch.gradient_pooled2, features, quarter, scratch.places2, at2, scratch.spread)
        _convolve_back(scratch.spread, half, features, scratch.turned, features, scratch.gradient_pooled1)
        _kernel_gradients(
            scratch.images, x_at, side, 1, scratch.gradient_pooled1, LANES, scratch.places1, places1, features,
            sums, layout.kernel1, layout.bias1,
        )  # fmt: skip


@_compiled
def _keep(layout, scratch, first, count, logits, bottleneck):
    """Copy the outputs of a tile to logits (images, classes) and bottleneck (images, features)."""
    for n in range(count):
        for c in range(layout.classes):
            logits[(first + n) * layout.classes + c] = scratch.logits[n * layout.rows + c]
    if len(bottleneck):
        for m in range(count * layout.features):
            bottleneck[first * layout.features + m] = scratch.bottleneck[m]


@_compiled
def _turn(layout, weights, turned):
    """Rotate the second convolution's kernels by 180° and swap their channels."""
    features = layout.features
    for k in range(features):
        for c in range(features):
            for m in range(KERNEL):
                weight = weights[layout.kernel2 + (k * features + c) * KERNEL + m]
                turned[(c * features + k) * KERNEL + KERNEL - 1 - m] = weight


@_part_of_caller
def _batch(layout, weights, images, labels, order, start, stop, begin, end, scratch, sums, logits, bottleneck):
    """Run the forward pass of some shares of a batch, and the backward pass if there are `sums`."""
    size, tiles = layout.size, (stop - start + TILE - 1) // TILE
    scale = np.float32(1) / np.float32(stop - start)
    trains = len(sums) > 0
    if trains:
        _turn(layout, weights, scratch.turned)
    for share in range(begin, end):
        own = sums[share * size : (share + 1) * size]
        for m in range(len(own)):
            own[m] = np.float32(0)
        for tile in range(share * tiles // SHARES, (share + 1) * tiles // SHARES):
            first = start + tile * TILE
            count = min(TILE, stop - first)
            _forward(layout, weights, images, order, first, count, scratch)
            _keep(layout, scratch, first, count, logits, bottleneck)
            if trains:
                _logit_gradients(layout, labels, order, first, count, scale, scratch.logits, scratch.gradient_logits)
                _backward(layout, weights, scratch, own)


@_compiled
def _adam(weights, sums, mean, square, step, rate):
    """Take an Adam step. Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", in PyTorch's order."""
    size = len(weights)
    rate = np.float32(rate / (1 - BETA1**step))
    root = np.float32(math.sqrt(1 - BETA2**step))
    for m in range(size):
        g = np.float32(0)
        for share in range(SHARES):
            g += sums[share * size + m]
        mean[m] += (g - mean[m]) * np.float32(1 - BETA1)
        square[m] = square[m] * np.float32(BETA2) + g * g * np.float32(1 - BETA2)
        weights[m] -= rate * mean[m] / (np.sqrt(square[m]) / root + np.float32(EPSILON))


# Entry points --------------------------------------------------------------------------------------------


@_entry
def run(
    layout,
    weights,
    images,
    labels,
    order,
    batches,
    shares,
    scratch,
    sums,
    logits,
    bottleneck,
    mean,
    square,
    step,
    rates,
):
    """Train or evaluate batches; one function for both, so that their common code is compiled once.

    Training computes some shares of each batch's gradients, takes an Adam step, or does both.

    Args:
        layout: Of `weights`.
        weights: The parameters, (size,).
        images: Bytes, (all images, side, side).
        labels: int64, (all images,); not read without `sums`.
        order: int64, the indices of the images in processing order.
        batches: Start and end in `order`, and the batch size; the last batch may be smaller.
        shares: The range of the `SHARES` to compute, end excluded.
        scratch: Buffers of the calling thread.
        sums: The gradients, (shares, size); `NONE` to evaluate.
        logits: Receives the logits, (images in order, classes).
        bottleneck: Receives the bottleneck values, (images in order, features), or `NONE`.
        mean: Adam's first moments, (size,).
        square: Adam's second moments, (size,).
        step: Number of Adam's first step, from 1; 0 for none.
        rates: The learning rate of each of these batches, float64.
    """
    start, stop, size = batches
    begin, end = shares
    for first in range(start, stop, size):
        if begin < end:
            last = min(first + size, stop)
            _batch(layout, weights, images, labels, order, first, last, begin, end, scratch, sums, logits, bottleneck)
        if step:
            number = (first - start) // size
            _adam(weights, sums, mean, square, step + number, rates[number])


def warm_up() -> None:
    """Compile the entry point, or load it from the cache, by training on a single image.

    Raises:
        OSError: It is compiled, but could not be cached.
        Exception: It cannot be compiled.
    """
    sizes = layout(4, 1, BLOCK, 2)
    images, labels, order = np.zeros(16, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int64)
    weights, mean, square = (zeros(sizes.size) for _ in range(3))
    sums, logits, own = zeros(SHARES * sizes.size), zeros(2), scratch(sizes)
    adam = mean, square, 1, np.array([0.001])
    run(sizes, weights, images, labels, order, (0, 1, 1), (0, SHARES), own, sums, logits, NONE, *adam)
