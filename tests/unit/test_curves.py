import math

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import apply_to_run
from mnist_tui.report.curves import EMPTY_EPOCHS, accuracy_chart, loss_chart, overlay_chart
from tests.builders import epoch_done, progress, run_state

ACCURACIES = (0.30, 0.46, 0.42)


def run_with(*epochs, spec=None):
    """Return a run in progress with epochs of these values."""
    run = run_state(val_accuracies=(), spec=spec or RunSpec(epochs=len(epochs)))
    for number, values in enumerate(epochs, start=1):
        apply_to_run(run, epoch_done(number, **values))
    return run


def marked(*runs):
    return runs, {run.run: slot for slot, run in enumerate(runs)}


def points(series):
    return dict(zip(series.x, series.y, strict=True))


def test_accuracy_has_a_curve_of_training_and_one_of_validation():
    train, val = accuracy_chart(run_state(val_accuracies=ACCURACIES), errors=False).series
    assert (train.name, val.name) == ("train", "val")
    assert points(val) == pytest.approx({1: 0.30, 2: 0.46, 3: 0.42})
    assert points(train) == pytest.approx({1: 0.29, 2: 0.45, 3: 0.41})
    assert train.ink != val.ink
    assert train.points != val.points, "colour is not the only sign"


def test_errors_are_what_accuracy_lacks_on_a_log_axis_in_percent():
    run = run_state(val_accuracies=ACCURACIES)
    errors, accuracies = (accuracy_chart(run, errors=shown) for shown in (True, False))
    for error, accuracy in zip(errors.series, accuracies.series, strict=True):
        assert points(error) == pytest.approx({epoch: 1 - value for epoch, value in points(accuracy).items()})
    assert (errors.log_y, accuracies.log_y) == (True, False)
    assert errors.percent
    assert accuracies.percent
    assert "Error" in errors.title
    assert "Accuracy" in accuracies.title


def test_the_legend_gets_the_newest_values():
    run = run_state(val_accuracies=ACCURACIES)
    assert [one.note for one in accuracy_chart(run, errors=False).series] == ["41.00%", "42.00%"]
    assert [one.note for one in accuracy_chart(run, errors=True).series] == ["59.00%", "58.00%"]
    assert [one.note for one in loss_chart(run).series] == ["1.6000", "1.5000"]


def test_the_note_names_the_best_epoch_not_the_last():
    run = run_state(val_accuracies=ACCURACIES)
    assert accuracy_chart(run, errors=False).note == "best 46.00% @2"
    assert accuracy_chart(run, errors=True).note == "best 54.00% @2"


def test_a_lost_value_is_a_gap_and_never_the_best():
    run = run_with(
        {"val_accuracy": math.nan, "val_loss": math.nan, "train_loss": math.inf},
        {"val_accuracy": 0.5, "val_loss": 1.25},
        {"val_accuracy": 0.4, "val_loss": 1.5},
    )
    for errors in (False, True):
        what = accuracy_chart(run, errors=errors)
        assert what.series[1].y[0] is None
        assert what.note.endswith("@2")
        assert what == accuracy_chart(run, errors=errors), "the same run is the same chart"
    train, val = loss_chart(run).series
    assert train.y[0] is None
    assert val.y == (None, 1.25, 1.5)
    assert loss_chart(run).note.endswith("@2")


def test_loss_has_its_lowest_validation_in_the_note():
    run = run_with({"val_loss": 1.5, "train_loss": 2.0}, {"val_loss": 1.25, "train_loss": 1.0}, {"val_loss": 1.75})
    what = loss_chart(run)
    assert what.note == "best 1.2500 @2"
    assert points(what.series[0])[2] == 1.0
    assert points(what.series[1]) == {1: 1.5, 2: 1.25, 3: 1.75}
    assert not what.percent
    assert not what.log_y


def test_without_a_run_the_charts_are_empty_and_say_so():
    for what in (accuracy_chart(None, errors=True), accuracy_chart(None, errors=False), loss_chart(None)):
        assert all(not one.y and not one.note for one in what.series)
        assert what.x_limits == (1, EMPTY_EPOCHS)
    assert accuracy_chart(None, errors=False).note == "no epoch yet"
    assert accuracy_chart(run_with(spec=RunSpec(epochs=5)), errors=False).note == "no epoch yet"


def test_the_axis_follows_the_number_of_epochs():
    run = run_with({}, {}, spec=RunSpec(epochs=20))
    charts = (
        lambda: accuracy_chart(run, errors=False),
        lambda: loss_chart(run),
        lambda: overlay_chart(*marked(run), errors=False),
    )
    for planned, shown in ((20, 20), (25, 25), (2, 2), (1, 2)):
        run.epochs = planned
        assert [what().x_limits for what in charts] == [(1, shown)] * 3


def test_marked_runs_share_a_chart_as_long_as_the_longest():
    short = run_state("a", val_accuracies=(0.3, 0.4), spec=RunSpec(epochs=2, features=4, seed=7))
    long = run_state("b", val_accuracies=(0.2, 0.3, 0.5), spec=RunSpec(epochs=3))
    what = overlay_chart(*marked(short, long), errors=False)
    assert what.x_limits == (1, 3)
    assert [one.name for one in what.series] == ["●1", "●2"]
    assert points(what.series[0]) == {1: 0.3, 2: 0.4}
    assert points(what.series[1]) == {1: 0.2, 2: 0.3, 3: 0.5}
    assert what.series[0].note == "2 ep x 4 f s7"
    assert not what.note


def test_marked_runs_as_errors():
    run = run_with({"val_accuracy": 0.75}, {"val_accuracy": math.nan})
    what = overlay_chart(*marked(run), errors=True)
    assert what.series[0].y == (0.25, None)
    assert what.log_y
    assert "error" in what.title


def test_a_marked_run_keeps_its_colour_and_line_when_others_go():
    runs, slots = marked(*(run_state(name) for name in "abcd"))
    together = overlay_chart(runs, slots, errors=False).series
    (alone,) = overlay_chart(runs[2:3], slots, errors=False).series
    assert alone == together[2]
    assert len({one.ink for one in together}) == 4
    assert len({(one.dashed, one.points) for one in together}) == 4, "colour is not the only sign"


def test_without_a_mark_the_chart_says_how_to_set_one():
    what = overlay_chart((), {}, errors=True)
    assert not what.series
    assert "Space" in what.note
    assert what.x_limits == (1, EMPTY_EPOCHS)


def with_steps(run, *losses, epoch):
    for number, loss in enumerate(losses, start=1):
        apply_to_run(run, progress(epoch, 10 * number, loss=loss))
    return run


def test_inside_an_epoch_the_loss_goes_on_ahead_of_the_points():
    run = with_steps(run_with({}, spec=RunSpec(epochs=5)), 2.0, 1.0, 1.0, 1.0, epoch=2)
    *_, now = loss_chart(run).series
    assert now.x == pytest.approx((1.1, 1.2, 1.3, 1.4))
    # Smoothed: it follows, without jumping.
    values = [value for value in now.y if value is not None]
    assert values[0] == 2.0
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4
    assert values[-1] > 1.0
    assert loss_chart(run).x_limits == (1.0, 5.0)


def test_in_the_first_epoch_both_axes_begin_before_its_point():
    run = with_steps(run_with(spec=RunSpec(epochs=5)), 2.0, 1.0, 1.0, epoch=1)
    assert loss_chart(run).x_limits == accuracy_chart(run, errors=True).x_limits == (0.0, 5.0)


def test_an_epoch_too_short_to_be_seen_has_no_curve_of_its_own():
    run = with_steps(run_with({}, spec=RunSpec(epochs=5)), 2.0, 1.0, epoch=2)
    assert len(loss_chart(run).series) == 2
