"""Runs as TensorBoard event files: training and validation as folders of one run, so that TensorBoard overlays them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from mnist_tui.core.curves import Curves
from mnist_tui.core.metric import Split, metric
from mnist_tui.core.script import Scalar
from mnist_tui.formats.hparams import settings_record
from mnist_tui.formats.writing import first_record, scalar_records

MADE_BY: Final = "mnist-tui"
"""A part of the names of these files."""
_FOLDERS: Final = {Split.TRAIN: "train", Split.VALIDATION: "validation", Split.TEST: "test", Split.NONE: ""}


def event_files(one: Curves, settings: Mapping[str, Scalar]) -> dict[Path, bytes]:
    """Return the event files of a run, by their paths within its folder.

    Args:
        one: The run.
        settings: Its settings.
    """
    began = one.began
    content = {"": [settings_record(settings, began)]}
    taken: set[tuple[str, str]] = set()
    last = [one.run.step or one.run.epochs_done]
    whole = ((name, last, [value]) for name, value in one.whole.items())
    for name, steps, values in (*one.series(), *whole):
        what = metric(name)
        folder = _FOLDERS[what.split]
        # `loss/train` and `train_loss` mean the same, and are still two.
        tag = what.quantity if folder and (folder, what.quantity) not in taken else name
        taken.add((folder, tag))
        content.setdefault(folder, []).append(_records(one, tag, steps, values))
    file = f"events.out.tfevents.{int(began)}.{MADE_BY}.{one.run.run}"
    return {Path(folder) / file: first_record(began) + b"".join(parts) for folder, parts in content.items()}


def _records(one: Curves, tag: str, steps: Sequence[int], values: Sequence[float]) -> bytes:
    times = np.fromiter(one.times(steps), float, len(steps))
    return scalar_records(tag, np.asarray(steps, np.int64), np.asarray(values, float), times)


def folder_name(text: str) -> str:
    """Return a name as that of a folder on any system."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.")[:100] or "run"
