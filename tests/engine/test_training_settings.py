"""Optimizers, schedules, dropout, augmentation and label smoothing do what PyTorch's own do."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, Notice, RunDone, RunStarted
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import OPTIMIZERS, SCHEDULES, RunSpec
from mnist_tui.core.status import Status
from mnist_tui.core.sweep import grid
from mnist_tui.engine import run_sweep
from mnist_tui.engine.augment import augmented
from mnist_tui.engine.backends import compiles, make_stepper
from mnist_tui.engine.compiling import load_kernels
from mnist_tui.engine.model import BottleneckCNN, build_model
from mnist_tui.engine.schedule import rates
from mnist_tui.engine.step import Part
from mnist_tui.errors import UsageError
from tests.engine.test_step import CPU, some, ties

SPEC = RunSpec(features=4, learning_rate=0.01, backend="torch")
BATCHES = 7


@pytest.fixture(scope="module", autouse=True)
def compiled():
    load_kernels()
    torch.set_num_threads(1)


def planned(spec, epochs):
    """Return the rate of every batch of a run."""
    parts = [rates(spec, spec.learning_rate, epoch, epochs, BATCHES) for epoch in range(1, epochs + 1)]
    return np.concatenate(parts)


def by_pytorch(make, steps):
    """Return the rates of as many steps of one of PyTorch's schedules."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=SPEC.learning_rate)
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.array(found)


@pytest.mark.parametrize("epochs", [1, 3, 10])
@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        ("constant", lambda optimizer, steps: lr_scheduler.ConstantLR(optimizer, 1.0)),
        ("cosine", lr_scheduler.CosineAnnealingLR),
        ("onecycle", lambda optimizer, steps: lr_scheduler.OneCycleLR(optimizer, SPEC.learning_rate, steps)),
    ],
)
def test_schedules_are_those_of_pytorch(schedule, make, epochs):
    steps = epochs * BATCHES
    theirs = by_pytorch(lambda optimizer: make(optimizer, steps), steps)
    assert planned(replace(SPEC, schedule=schedule), epochs) == pytest.approx(theirs, rel=1e-9)


def test_steps_divide_the_rate_by_ten_after_each_third():
    found = planned(replace(SPEC, schedule="step"), 6)
    thirds = found.reshape(3, -1)
    assert (thirds == thirds[:, :1]).all()
    assert thirds[:, 0] == pytest.approx([0.01, 0.001, 0.0001])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_a_warm_up_rises_in_a_line_and_the_schedule_follows(schedule):
    found = planned(replace(SPEC, schedule=schedule, warmup=2), 5)
    assert found[: 2 * BATCHES] == pytest.approx(SPEC.learning_rate * np.arange(1, 15) / 14)
    assert found[2 * BATCHES :] == pytest.approx(planned(replace(SPEC, schedule=schedule), 3))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_epochs_beyond_the_end_keep_the_last_rate(schedule):
    spec = replace(SPEC, schedule=schedule)
    last = rates(spec, 0.01, 3, 3, BATCHES)[-1]
    assert rates(spec, 0.01, 4, 3, BATCHES) == pytest.approx([rates(spec, 0.01, 9, 3, BATCHES)[0]] * BATCHES)
    assert rates(spec, 0.01, 4, 3, BATCHES)[0] <= last


def trained(spec, backend, rate: Any = 0.01, steps=6):
    """Return the network after some batches, and the logits."""
    model = build_model(spec.features, 10, 3)
    nn.init.constant_(model.get_parameter("conv1.bias"), 0.1)
    nn.init.constant_(model.get_parameter("conv2.bias"), 0.1)
    model.dropout = spec.dropout
    part = Part(ties(64 * steps), torch.arange(64 * steps) % 10)
    stepper, logits = make_stepper(backend, model, spec, CPU, 28, 1), torch.zeros(64 * steps, 10)
    stepper.train(part, some(torch.arange(64 * steps), 0, 64 * steps, 64, rate), logits)
    return stepper, logits


def test_the_compiled_step_follows_a_schedule_within_a_call_as_pytorch_does():
    planned_rates = np.array([0.01, 0.003, 0.0, 0.0005, 0.02, 0.001])
    (ours, mine), (theirs, other) = (trained(SPEC, backend, planned_rates) for backend in ("compiled", "torch"))
    torch.testing.assert_close(mine, other, rtol=1e-2, atol=1e-3)
    for weight, expected in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert (weight - expected).norm() <= 1e-3 * expected.norm()
    constant, _ = trained(SPEC, "compiled", 0.01)
    assert not torch.equal(constant.model.output.weight, ours.model.output.weight)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("decay", [None, 0.0, 0.1])
def test_optimizers_are_pytorchs_with_their_usual_options(optimizer, decay):
    momentum = 0.9 if optimizer in ("sgd", "rmsprop") else 0.0
    spec = replace(SPEC, optimizer=optimizer, momentum=momentum, weight_decay=decay)
    ours, _ = trained(spec, "torch")
    model = build_model(spec.features, 10, 3)
    nn.init.constant_(model.get_parameter("conv1.bias"), 0.1)
    nn.init.constant_(model.get_parameter("conv2.bias"), 0.1)
    kind = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}[optimizer]
    options = {"momentum": momentum} if momentum else {}
    options |= {} if decay is None else {"weight_decay": decay}
    theirs = getattr(torch.optim, kind)(model.parameters(), lr=0.01, **options)
    images, labels = ties(384), torch.arange(384) % 10
    for at in range(0, 384, 64):
        theirs.zero_grad()
        nn.functional.cross_entropy(model(images[at : at + 64] / 255), labels[at : at + 64]).backward()
        theirs.step()
    for weight, expected in zip(ours.model.parameters(), model.parameters(), strict=True):
        assert (weight - expected).norm() <= 1e-3 * expected.norm() + 1e-6


def test_label_smoothing_changes_the_step_and_not_what_is_measured():
    (plain, first), (smooth, other) = (
        trained(replace(SPEC, label_smoothing=amount), "torch", steps=1) for amount in (0.0, 0.2)
    )
    assert torch.equal(first, other)
    assert not torch.equal(plain.model.output.weight, smooth.model.output.weight)


def test_dropout_leaves_out_hidden_units_in_training_alone():
    model = BottleneckCNN(2, 10)
    model.dropout = 0.5
    features = torch.rand(8, 2)
    model.train()
    assert not torch.equal(model.classify(features), model.classify(features))
    model.eval()
    assert torch.equal(model.classify(features), model.classify(features))


@pytest.mark.parametrize("changes", ["shift", "rotate", "zoom", "flip", "shift+rotate+zoom"])
def test_augmentation_changes_each_image_in_its_own_way_and_keeps_what_it_shows(changes):
    torch.manual_seed(0)
    image = torch.zeros(1, 1, 28, 28)
    image[..., 8:20, 6:12] = 1
    found = augmented(image.repeat(40, 1, 1, 1), changes)
    assert found.shape == (40, 1, 28, 28)
    kinds = len({tuple(each.flatten().tolist()) for each in found})
    assert kinds == 2 if changes == "flip" else kinds > 30
    inks = found.sum((1, 2, 3)) / image.sum()
    assert (inks > 0.65).all()
    assert (inks < 1.5).all()
    if changes == "flip":
        mirrored = found[(found - image).abs().flatten(1).amax(1) > 0.5]
        torch.testing.assert_close(mirrored, image.flip(3).expand_as(mirrored), rtol=0, atol=1e-5)
    if changes == "shift":
        middle = (found * torch.arange(28.0)).sum((1, 2, 3)) / found.sum((1, 2, 3))
        assert (middle - 8.5).abs().max() <= 2.81


def test_colour_images_keep_their_channels_together():
    torch.manual_seed(0)
    images = torch.rand(4, 1, 12, 12).expand(4, 3, 12, 12).contiguous()
    found = augmented(images, "shift+rotate+zoom+flip")
    assert torch.equal(found[:, 0], found[:, 2])


def run(**settings):
    spec = replace(RunSpec(epochs=3, features=4, dataset="digits", batch_size=32, learning_rate=0.01), **settings)
    return list(run_sweep(enqueue([spec]), RunControl()))


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop", "weight_decay": 1e-4},
        {"schedule": "cosine", "warmup": 1},
        {"schedule": "onecycle"},
        {"schedule": "step"},
        {"dropout": 0.3, "augment": "shift+rotate", "label_smoothing": 0.1},
    ],
)
def test_every_setting_trains_twice_alike(settings):
    first, second = run(**settings), run(**settings)
    numbers = [[dict(event.values) for event in events if isinstance(event, EpochDone)] for events in (first, second)]
    for one in (each for every in numbers for each in every):
        one.pop("images_per_s")
    assert numbers[0] == numbers[1]
    assert next(event.status for event in first if isinstance(event, RunDone)) is Status.FINISHED
    assert not [event for event in first if isinstance(event, Notice)]
    backend = next(event.machine.backend for event in first if isinstance(event, RunStarted))
    assert backend == ("compiled" if compiles(RunSpec(**settings)) else "torch")


def test_the_learning_rate_of_an_epoch_is_that_of_its_last_batch():
    events = run(schedule="cosine")
    found = [event.learning_rate for event in events if isinstance(event, EpochDone)]
    batches = math.ceil(1197 / 32)
    spec = RunSpec(learning_rate=0.01, schedule="cosine")
    assert found == pytest.approx([rates(spec, 0.01, epoch, 3, batches)[-1] for epoch in (1, 2, 3)])


def test_the_compiled_step_that_was_asked_for_but_cannot_do_it_is_told():
    events = run(backend="compiled", dropout=0.2, epochs=1)
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "PyTorch trains: the compiled step takes the built-in network" in notice.message


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"momentum": 0.9}, "adam has no momentum"),
        ({"optimizer": "adamw", "momentum": 0.9}, "adamw has no momentum"),
        ({"schedule": "onecycle", "warmup": 1}, "onecycle has its own warm-up"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, sgd, rmsprop"),
        ({"dropout": 1.0}, "dropout must be a number from 0 to 0.95"),
        ({"dropout": math.nan}, "dropout must be a number from 0 to 0.95"),
        ({"augment": "rotate+shift"}, "augmentation must be off or some of shift, rotate, zoom, flip"),
        ({"augment": "shift+shift"}, "augmentation must be"),
        ({"augment": "off+shift"}, "augmentation must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, reason):
    with pytest.raises(UsageError, match=reason):
        RunSpec(**settings)


def test_names_of_changes_may_come_in_any_order():
    assert grid(augment=("shift+rotate",)).runs()[0].augment == "shift+rotate"
