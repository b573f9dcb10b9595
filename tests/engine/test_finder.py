"""The losses that a rising learning rate makes."""

from dataclasses import replace

import pytest

from mnist_tui.core.ratefinder import RangeTest, RateFound, RatesTried
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import kernel_cache
from mnist_tui.engine.compiling import kernel_folder
from mnist_tui.engine.finder import try_rates
from mnist_tui.errors import RunError

DIGITS = RunSpec(dataset="digits", features=8, batch_size=32, device="cpu", threads=1)


def losses_of(spec, test):
    losses: list[list[float]] = [[] for _ in range(test.tries)]
    for event in try_rates(spec, test):
        if isinstance(event, RatesTried):
            assert event.first == len(losses[event.number - 1])
            losses[event.number - 1] += event.losses
    return losses


def test_both_backends_see_the_same_losses():
    test = RangeTest(steps=40, tries=2)
    compiled, torch = (losses_of(replace(DIGITS, backend=backend), test) for backend in ("compiled", "torch"))
    assert len(compiled[0]) == 40
    assert compiled[0] != compiled[1]
    # At the rates of the first half nothing has been amplified yet.
    for one, other in zip(compiled, torch, strict=True):
        assert one[:20] == pytest.approx(other[:20], abs=1e-3)


def test_it_is_repeatable_and_leaves_the_compiled_step_as_it_was():
    test = RangeTest(steps=30, tries=1)
    spec = replace(DIGITS, backend="compiled")
    assert losses_of(spec, test) == losses_of(spec, test)
    assert kernel_cache.is_sealed(kernel_folder())


def test_a_network_that_learns_gets_a_suggestion():
    found = RateFound(test := RangeTest(steps=1_000, tries=2), losses_of(replace(DIGITS, batch_size=16), test))
    assert found.rate is not None, found.reason
    assert 0.001 <= found.rate <= 0.02


def test_a_network_that_cannot_be_trained_ends_in_a_sentence(monkeypatch):
    def broken(*_args, **_more):
        raise ValueError("no such layer")

    monkeypatch.setattr("mnist_tui.engine.finder.make_model", broken)
    with pytest.raises(RunError, match="could not be trained: ValueError: no such layer"):
        losses_of(DIGITS, RangeTest(steps=20, tries=1))
