"""A changed learning rate lasts with every schedule of PyTorch."""

import math

import pytest
import torch
from torch.optim import lr_scheduler as schedules

from mnist_tui.api.rates import current_rate, set_rate

STEPS, CHANGED_AT = 12, 5
MAKE = {
    "lambda": lambda o: schedules.LambdaLR(o, lambda step: 1 / (1 + step)),
    "multiplicative": lambda o: schedules.MultiplicativeLR(o, lambda _: 0.9),
    "step": lambda o: schedules.StepLR(o, 2, 0.5),
    "multistep": lambda o: schedules.MultiStepLR(o, [2, 7], 0.1),
    "constant": lambda o: schedules.ConstantLR(o, 0.5, 7),
    "linear": lambda o: schedules.LinearLR(o, 0.1, total_iters=8),
    "exponential": lambda o: schedules.ExponentialLR(o, 0.8),
    "polynomial": lambda o: schedules.PolynomialLR(o, 14, 2.0),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 20),
    "warm restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda o: schedules.OneCycleLR(o, 0.5, total_steps=STEPS + 1),
    "cyclic": lambda o: schedules.CyclicLR(o, 0.1, 0.5, 3, cycle_momentum=False),
    "sequence": lambda o: schedules.SequentialLR(
        o, [schedules.ConstantLR(o, 0.1, 2), schedules.CosineAnnealingLR(o, 20)], [3]
    ),
    "chain": lambda o: schedules.ChainedScheduler([schedules.ExponentialLR(o, 0.9), schedules.StepLR(o, 4, 0.5)]),
}


def rates(make, factor=1.0):
    """Return the rate of each step; in between, the current rate is multiplied once."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
    schedule = make(optimizer)
    found = []
    for step in range(STEPS):
        if step == CHANGED_AT and factor != 1.0:
            set_rate([optimizer, schedule], factor * current_rate([optimizer]))
        found.append(current_rate([optimizer]))
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize("name", MAKE)
def test_the_schedule_goes_on_from_the_new_rate(name):
    plain, changed = rates(MAKE[name]), rates(MAKE[name], 0.25)
    assert changed[:CHANGED_AT] == plain[:CHANGED_AT]
    assert changed[CHANGED_AT:] == pytest.approx([0.25 * rate for rate in plain[CHANGED_AT:]])


def test_a_plateau_goes_down_from_the_new_rate_and_not_below_its_scaled_minimum():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    schedule = schedules.ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=0.004)
    set_rate([optimizer, schedule], 0.05)
    for loss in (1.0, 1.0, 1.0, 1.0):
        schedule.step(loss)
    assert current_rate([optimizer]) == pytest.approx(0.002)


def test_a_rate_that_is_a_tensor_is_changed_in_place():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], torch.tensor(0.1), capturable=False)
    kept = optimizer.param_groups[0]["lr"]
    set_rate([optimizer], 0.5)
    assert optimizer.param_groups[0]["lr"] is kept
    assert math.isclose(float(kept), 0.5, rel_tol=1e-6)


def test_a_rate_that_has_fallen_to_zero_can_be_raised():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.0)
    set_rate([optimizer], 0.5)
    assert current_rate([optimizer]) == 0.5
