"""What is said about the layers of a network."""

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import layers_of
from mnist_tui.engine.layers import _watched
from mnist_tui.engine.saved import network_of
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import RunError
from mnist_tui.report.layers import layer_rows
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store


def test_the_built_in_network_has_four_layers_and_all_parameters_are_counted(tmp_path):
    spec = RunSpec(epochs=1, features=4, dataset="digits", device="cpu", threads=1)
    with Store.open(tmp_path) as store:
        for _ in store.recorded(run_sweep(Claims(store, [QueuedRun("run-1", spec)]), RunControl())):
            pass
        run, found = store.run("run-1"), store.newest_checkpoint("run-1")
    assert found is not None
    *layers, rest = layers_of(found[2], 1, 8)
    assert [(one.name, one.kind, one.shape) for one in layers] == [
        ("conv1", "Conv2d", (4, 8, 8)),
        ("conv2", "Conv2d", (4, 4, 4)),
        ("hidden", "Linear", (1024,)),
        ("output", "Linear", (10,)),
    ]
    assert sum(one.parameters for one in layers) == run.parameters
    assert sum(one.share or 0.0 for one in (*layers, rest)) == pytest.approx(1)
    assert layer_rows((*layers, rest))[-1] == ("all", "", "", f"{run.parameters:,}", "")


class Odd(nn.Module):
    """Calls one layer twice, leaves one out, has a parameter of its own, and one layer that gives several tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.twice = nn.Linear(16, 16)
        self.unused = nn.Linear(2, 5)
        self.block = nn.Sequential(nn.LSTM(16, 4, batch_first=True))
        self.frozen = nn.Linear(4, 2).requires_grad_(requires_grad=False)

    def forward(self, images):
        x = self.twice(self.twice(images.flatten(1)))
        return self.frozen(self.block(x.unsqueeze(1))[0].squeeze(1))


def test_any_network_can_be_looked_into():
    layers = _watched(Odd(), torch.zeros(4, 1, 4, 4))
    assert [(one.name, one.shape, one.parameters) for one in layers] == [
        ("twice", (16,), 16 * 16 + 16),
        ("block.0", (1, 4), 4 * (16 * 4 + 4 * 4 + 8)),
        ("frozen", (2,), 0),
        ("Odd", (), 3),
        ("unused", (), 15),
        ("", (), 0),
    ]
    assert [one.share is None for one in layers] == [False, False, False, True, True, False]


class Tied(nn.Module):
    """Two layers share their weights, and attention calls none of its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.other.weight = self.one.weight
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, images):
        x = self.other(self.one(images.flatten(1))).unsqueeze(1)
        return self.attention(x, x, x, need_weights=False)[0].squeeze(1)


def test_shared_weights_count_once_and_what_calls_no_part_is_a_layer_as_a_whole():
    layers = _watched(network := Tied(), torch.zeros(4, 1, 4, 4))
    assert [one.name for one in layers] == ["one", "other", "attention", ""]
    assert sum(one.parameters for one in layers) == sum(one.numel() for one in network.parameters())
    assert layers[2].shape == (1, 16)
    assert (layers[2].share or 0.0) > 0


def test_what_is_no_checkpoint_is_told():
    with pytest.raises(RunError, match="not written by this version"):
        layers_of(b"scripted", 1, 8)


def test_a_checkpoint_with_code_is_refused_in_plain_words():
    data = io.BytesIO()
    torch.save({"model": Path()}, data)
    with pytest.raises(RunError) as refused:
        network_of(data.getvalue())
    assert "it holds more than tensors and plain values" in str(refused.value)
