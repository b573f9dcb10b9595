"""Both ways of training a batch take the same step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.backends import make_stepper
from mnist_tui.engine.compiled import MOMENTS
from mnist_tui.engine.compiling import load_kernels
from mnist_tui.engine.graph import GraphStepper
from mnist_tui.engine.model import BottleneckCNN, build_model
from mnist_tui.engine.step import Batches, Part, TorchStepper

CPU = torch.device("cpu")
SPEC = RunSpec(features=2, learning_rate=0.01)
WIDTHS = [1, 2, 3, 5, 8, 16, 33]


@pytest.fixture(scope="module", autouse=True)
def compiled():
    load_kernels()
    torch.set_num_threads(1)


def part_of(images, labels=None):
    return Part(images, torch.arange(len(images)) % 10 if labels is None else labels)


def noise(n, side=28):
    return torch.randint(0, 256, (n, 1, side, side), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def ties(n):
    """Return images as real ones are: blank margins and strokes of full ink, so that many values are equal."""
    images = noise(n)
    images[:, :, :5] = 0
    images[:, :, 12:18, 9:16] = 255
    return images


def zeros(n):
    return torch.zeros(n, 1, 28, 28, dtype=torch.uint8)


def stepper(backend, spec=SPEC, threads=1, side=28):
    return make_stepper(backend, lively(spec.features), spec, CPU, side, threads)


def lively(features):
    """Return a network in which no layer is dead: with few features, chance often kills one."""
    model = build_model(features, 10, 3)
    nn.init.constant_(model.get_parameter("conv1.bias"), 0.1)
    nn.init.constant_(model.get_parameter("conv2.bias"), 0.1)
    return model


def some(order, start, stop, size, rate=SPEC.learning_rate):
    """Return batches with one learning rate, or with one each."""
    count = len(range(start, stop, size))
    return Batches(order, start, stop, size, np.broadcast_to(np.asarray(rate, float), count).copy())


def train(trained, part, batches, order=None, rate=SPEC.learning_rate):
    """Train some batches; return all logits."""
    order = torch.arange(len(part.images)) if order is None else order
    logits = torch.zeros(len(part.images), 10)
    for start, stop in batches:
        trained.train(part, some(order, start, stop, stop - start, rate), logits)
    return logits


def moments(trained):
    """Return Adam's moments, of which the first is a tenth of the gradient after one step."""
    states = trained.optimizer_state()["state"]
    return [states[number][name] for number in range(len(states)) for name in MOMENTS]


def far_apart(ours, theirs):
    """Return the distance relative to the size of what is compared."""
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-12))


@pytest.mark.parametrize("features", WIDTHS)
@pytest.mark.parametrize(
    "images", [noise(64), noise(45), noise(1), ties(64), zeros(17)], ids=["64", "45", "1", "ties", "zeros"]
)
def test_gradients_and_a_whole_step_are_those_of_autograd(features, images):
    spec, part = replace(SPEC, features=features), part_of(images)
    ours, theirs = stepper("compiled", spec), stepper("torch", spec)
    logits = [train(each, part, [(0, len(images))]) for each in (ours, theirs)]
    torch.testing.assert_close(*logits, rtol=1e-5, atol=1e-6)
    for mine, other in zip(moments(ours), moments(theirs), strict=True):
        assert far_apart(mine, other) < 1e-4
    # Adam's first step is as long for tiny gradients as for large ones, so only those that are more than noise count.
    for weight, other, gradient in zip(
        ours.model.parameters(), theirs.model.parameters(), moments(theirs)[::2], strict=True
    ):
        told = gradient.abs() > 1e-6
        torch.testing.assert_close(weight[told], other[told], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("features", [2, 8, 33])
def test_many_steps_lead_to_the_same_network(features):
    spec, part = replace(SPEC, features=features, learning_rate=0.001), part_of(ties(200))
    ours, theirs = stepper("compiled", spec), stepper("torch", spec)
    batches = [(0, 64), (64, 128), (128, 192), (192, 200)] * 5
    order = torch.randperm(200, generator=torch.Generator().manual_seed(2))
    logits = [train(each, part, batches, order, spec.learning_rate) for each in (ours, theirs)]
    torch.testing.assert_close(*logits, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_batches_trained_in_one_call_are_those_trained_one_by_one(backend, threads):
    part, order = part_of(ties(200)), torch.randperm(200, generator=torch.Generator().manual_seed(2))
    ours, theirs = (stepper(backend, threads=threads) for _ in range(2))
    expected = train(theirs, part, [(0, 64), (64, 128), (128, 192), (192, 200)], order)
    logits = torch.zeros_like(expected)
    ours.train(part, some(order, 0, 128, 64), logits)
    ours.train(part, some(order, 128, 200, 64), logits)
    assert torch.equal(logits, expected)
    assert all(map(torch.equal, moments(ours), moments(theirs)))


@pytest.mark.parametrize("count", [1, 8, 16, 31, 250])
def test_evaluation_is_the_module_s_own_output(count):
    trained = stepper("compiled", replace(SPEC, features=5))
    images = ties(count)
    logits, bottleneck = torch.zeros(count, 10), torch.zeros(count, 5)
    trained.evaluate(part_of(images), 0, count, logits, bottleneck)
    with torch.inference_mode():
        torch.testing.assert_close(logits, trained.model(images.float() / 255), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(bottleneck, trained.model.bottleneck(images.float() / 255), rtol=1e-5, atol=1e-6)


def test_the_module_s_parameters_are_what_is_trained():
    trained = stepper("compiled")
    before = [parameter.detach().clone() for parameter in trained.model.parameters()]
    train(trained, part_of(ties(64)), [(0, 64)])
    assert all(not torch.equal(a, b) for a, b in zip(before, trained.model.parameters(), strict=True))
    images = ties(10)
    logits = torch.zeros(10, 10)
    with torch.no_grad():
        trained.model.output.bias.add_(1)
    trained.evaluate(part_of(images), 0, 10, logits, torch.zeros(10, 2))
    with torch.inference_mode():
        torch.testing.assert_close(logits, trained.model(images.float() / 255), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("features", [2, 9])
@pytest.mark.parametrize("count", [64, 45, 3, 700])
def test_the_bits_do_not_depend_on_the_number_of_threads(features, count):
    part, spec = part_of(noise(count)), replace(SPEC, features=features)
    batches = [(start, min(start + 64, count)) for start in range(0, count, 64)] if count < 700 else [(0, count)]
    found = []
    for threads in (1, 2, 3, 4):
        trained = stepper("compiled", spec, threads)
        logits = train(trained, part, batches * 2)
        found.append([logits, *trained.model.parameters(), *moments(trained)])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("features", [2, 8])
@pytest.mark.parametrize(("first", "second"), [("compiled", "torch"), ("torch", "compiled")])
def test_what_one_began_the_other_goes_on_with(features, first, second):
    """The state has one form; orders in memory differ, which a comparison of values alone would not show."""
    spec, part = replace(SPEC, features=features, learning_rate=0.001), part_of(ties(128))
    begun, alone = stepper(first, spec), stepper(first, spec)
    train(begun, part, [(0, 64), (64, 128)], rate=0.001)
    other = stepper(second, spec)
    other.model.load_state_dict(begun.model.state_dict())
    other.load_optimizer_state(begun.optimizer_state())
    train(other, part, [(0, 64), (64, 128)], rate=0.001)
    train(alone, part, [(0, 64), (64, 128)] * 2, rate=0.001)
    assert other.optimizer_state()["state"][0]["step"] == 4
    for mine, theirs in zip(moments(other), moments(alone), strict=True):
        assert far_apart(mine, theirs) < 1e-3
    for mine, theirs in zip(other.model.parameters(), alone.model.parameters(), strict=True):
        assert far_apart(mine, theirs) < 1e-3


def test_images_of_another_size_and_other_numbers_of_classes_work_too():
    torch.manual_seed(0)
    first, second = BottleneckCNN(3, 7), BottleneckCNN(3, 7)
    second.load_state_dict(first.state_dict())
    part = part_of(noise(20, side=20), torch.arange(20) % 7)
    logits = [torch.zeros(20, 7), torch.zeros(20, 7)]
    for backend, model, out in zip(("compiled", "torch"), (first, second), logits, strict=True):
        make_stepper(backend, model, SPEC, CPU, 20, 1).train(part, some(torch.arange(20), 0, 20, 20), out)
    torch.testing.assert_close(*logits, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert far_apart(mine, theirs) < 1e-3


def test_weights_that_are_no_numbers_show_in_the_logits():
    trained = stepper("compiled")
    with torch.no_grad():
        trained.model.conv2.weight[0, 0, 0, 0] = float("nan")
    assert not torch.isfinite(train(trained, part_of(ties(64)), [(0, 64)])).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("features", [2, 32])
def test_a_recorded_step_is_the_plain_one(features):
    cuda = torch.device("cuda")
    spec, order = replace(SPEC, features=features, learning_rate=0.001), torch.arange(200, device=cuda)
    part = part_of(ties(200))
    part = Part(part.images.to(cuda), part.labels.to(cuda))
    recorded, plain = GraphStepper(lively(features), spec, cuda), TorchStepper(lively(features), spec, cuda)
    logits = [torch.zeros(200, 10, device=cuda) for _ in range(2)]
    for start, stop in [(0, 64), (64, 128), (128, 192), (192, 200)] * 3:
        for stepper_, out in zip((recorded, plain), logits, strict=True):
            stepper_.train(part, some(order, start, stop, 64, spec.learning_rate), out)
    assert recorded._graph is not None
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-4)
    for mine, theirs in zip(moments(recorded), moments(plain), strict=True):
        assert far_apart(mine, theirs) < 1e-3
