"""Trains a new network with a rising learning rate, to find one that suits it; see `core.ratefinder`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event
from mnist_tui.core.ratefinder import RangeTest, RatesTried, is_over
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.backends import make_stepper
from mnist_tui.engine.session import Ready, ready
from mnist_tui.engine.step import Batches, Part
from mnist_tui.engine.train import derive_seed, in_one_line, make_model
from mnist_tui.errors import MnistTuiError, RunError

AT_ONCE: Final = 10
"""Batches between two looks at the losses."""


def try_rates(spec: RunSpec, test: RangeTest) -> Iterator[Event]:
    """Try the rates of a test, and report the losses.

    Args:
        spec: The settings; its epochs, learning rate and schedule do not matter.
        test: What to try.

    Yields:
        What is being prepared, then `RatesTried`. A try that has diverged for good ends early.

    Raises:
        DataError: The data are not available, or cannot be used.
        RunError: The network could not be trained.
    """
    found = yield from ready(spec, RunControl())
    if found is None:
        return
    for number in range(1, test.tries + 1):
        try:
            yield from _one_try(replace(spec, seed=spec.seed + number - 1), found, test, number)
        except MnistTuiError:
            raise
        except Exception as error:
            raise RunError(f"the network could not be trained: {in_one_line(error)}") from error


def _one_try(spec: RunSpec, found: Ready, test: RangeTest, number: int) -> Iterator[Event]:
    dataset, device, size = found.dataset, found.device, spec.batch_size
    model = make_model(spec, dataset)
    stepper = make_stepper(found.backend, model, spec, device, dataset.side, found.threads, has_constant_rate=False)
    part = Part(dataset.train_images.to(device), dataset.train_labels.to(device))
    images = len(part.labels)
    generator = torch.Generator().manual_seed(derive_seed(spec.seed, "rates"))
    rounds = [torch.randperm(images, generator=generator) for _ in range(math.ceil(test.steps * size / images))]
    order = torch.cat(rounds)[: test.steps * size].to(device)
    logits = torch.zeros(len(order), len(dataset.info.classes), device=device)
    rates, losses = np.array(test.rates), list[float]()
    for first in range(0, test.steps, AT_ONCE):
        last = min(first + AT_ONCE, test.steps)
        seeds = [derive_seed(spec.seed, "rates", step) for step in range(first, last)]
        start, stop = first * size, last * size
        stepper.train(part, Batches(order, start, stop, size, rates[first:last], seeds), logits)
        labels = part.labels.index_select(0, order[start:stop])
        each = F.cross_entropy(logits[start:stop], labels, reduction="none").view(last - first, size)
        newest = tuple(each.double().mean(dim=1).tolist())
        losses += newest
        yield RatesTried(number=number, first=first, losses=newest)
        if is_over(losses, newest):
            return
