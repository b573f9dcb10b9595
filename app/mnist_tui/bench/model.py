"""A network of the user's own: in the engine, and in a loop written by hand with its data on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from mnist_tui.bench.measurement import Measurement, ratio
from mnist_tui.bench.training import ask_child
from mnist_tui.core.codec import to_json_value
from mnist_tui.core.spec import RunSpec

MODEL_TO_PLAIN: Final = 1.05
"""Maximum time of the engine relative to the loop written by hand."""
CODE: Final = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, classes, channels, side):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        )
        self.head = nn.Linear(32 * (side // 4) ** 2, classes)

    def forward(self, images):
        return self.head(self.body(images))
"""


def measure_model(repeats: int, spec: RunSpec, say: Callable[[str], None]) -> Iterator[Measurement]:
    """Train the same network both ways, in turns in one process, and yield the measurements."""
    say("custom network, alternating with a hand-written loop")
    with TemporaryDirectory(prefix="mnist-tui-bench-") as folder:
        path = Path(folder) / "net.py"
        path.write_text(CODE, encoding="utf-8")
        request = {"path": str(path), "repeats": repeats}
        answer, _ = ask_child("a network of your own", part="model", spec=to_json_value(spec), **request)
    ours = Measurement("model_engine_epoch_s", "custom network, engine, epoch", tuple(answer["engine"]))
    plain = Measurement("model_plain_epoch_s", "custom network, hand-written loop, epoch", tuple(answer["plain"]))
    yield ours
    yield plain
    yield ratio("model_to_plain_ratio", "custom network, engine : hand-written loop", ours, plain, MODEL_TO_PLAIN)


def train_in_turns(spec: RunSpec, data: Any, path: str, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of a training epoch of each way; runs in the child process, which has PyTorch.

    Args:
        spec: The settings of the runs.
        data: An `engine.data.Dataset`.
        path: The file with the network.
        repeats: How often to train each way.
    """
    from dataclasses import replace

    import torch

    from mnist_tui.engine.allowed import allow
    from mnist_tui.engine.device import choose_device, prepare_backend
    from mnist_tui.engine.train import Trainer

    model = f"{path}:Net"
    device = choose_device(spec.device)
    prepare_backend(device, spec.threads or 1)
    own = replace(spec, model=model, model_digest=allow(model))
    times: dict[str, list[float]] = {"engine": [], "plain": []}
    # The first turn, which warms up, does not count.
    for turn in range(repeats + 1):
        torch.manual_seed(turn)
        for way, train in (
            ("engine", lambda: [*Trainer(own, data, device, "torch").train_epoch(1)]),
            ("plain", lambda: _train_by_hand(own, data, device)),
        ):
            started = time.perf_counter()
            train()
            if turn:
                times[way].append(time.perf_counter() - started)
    return times


def _train_by_hand(spec: RunSpec, data: Any, device: Any) -> None:
    """Train an epoch as somebody would who cares about speed: all images on the device, and no wait in the loop."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - the name that the field gives it

    from mnist_tui.engine.data import as_input
    from mnist_tui.engine.own import build_own, recipe_of

    recipe = recipe_of(spec, len(data.info.classes), data.channels, data.side)
    network = build_own(recipe, 0).module.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=spec.learning_rate, fused=device.type != "mps")
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    order = torch.randperm(len(labels)).to(device)
    loss_sum, hits = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
    for start in range(0, len(labels), spec.batch_size):
        index = order[start : start + spec.batch_size]
        targets = labels[index]
        logits = network(as_input(images[index]))
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        hits += (logits.argmax(dim=1) == targets).sum()
        loss_sum += loss.detach() * len(targets)
    float(loss_sum), int(hits)
