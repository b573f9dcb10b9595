import math
from functools import partial

import pytest

from mnist_tui.core.events import EpochsChanged, RateChanged, RunPaused
from mnist_tui.core.reducer import apply_to_run
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis
from mnist_tui.report.curves import quantity_chart
from mnist_tui.report.marks import MARK_MEANINGS
from mnist_tui.report.overlay import overlay_chart
from mnist_tui.report.xaxis import EMPTY_EPOCHS, limits, places
from tests.builders import epoch_done, progress, run_state

PLAIN = ChartView()
ERRORS = ChartView(scale=Scale.ERROR_LOG)
ACCURACIES = (0.30, 0.46, 0.42)
accuracy_chart, loss_chart = partial(quantity_chart, "accuracy"), partial(quantity_chart, "loss")


def run_with(*epochs, spec=None):
    """Return a run in progress with epochs of these values."""
    run = run_state(val_accuracies=(), spec=spec or RunSpec(epochs=len(epochs)))
    run.result = None
    for number, values in enumerate(epochs, start=1):
        apply_to_run(run, epoch_done(number, **values))
    return run


def marked(*runs):
    return runs, {run.run: slot for slot, run in enumerate(runs)}


def points(series):
    return dict(zip(series.x, series.y, strict=True))


def test_accuracy_has_a_curve_of_training_and_one_of_validation():
    train, val = accuracy_chart(run_state(val_accuracies=ACCURACIES), PLAIN).series
    assert (train.name, val.name) == ("train", "val")
    assert points(val) == pytest.approx({1: 0.30, 2: 0.46, 3: 0.42})
    assert points(train) == pytest.approx({1: 0.29, 2: 0.45, 3: 0.41})
    assert train.ink != val.ink
    assert train.thick != val.thick, "colour is not the only sign"


def test_errors_are_what_accuracy_lacks_on_a_log_axis_in_percent():
    run = run_state(val_accuracies=ACCURACIES)
    errors, accuracies = (accuracy_chart(run, look) for look in (ERRORS, PLAIN))
    for error, accuracy in zip(errors.series, accuracies.series, strict=True):
        assert points(error) == pytest.approx({epoch: 1 - value for epoch, value in points(accuracy).items()})
    assert (errors.log_y, accuracies.log_y) == (True, False)
    assert errors.percent
    assert accuracies.percent
    assert "Error" in errors.title
    assert "Accuracy" in accuracies.title


@pytest.mark.parametrize(("loss", "told"), [(math.inf, "∞"), (math.nan, "NaN")])
def test_a_diverged_value_is_named_in_the_legend_and_is_a_gap_in_the_curve(loss, told):
    chart = loss_chart(run_with({"train_loss": 1.0}, {"train_loss": loss}), PLAIN)
    train = chart.series[0]
    assert train.note == told
    assert points(train) == {1: 1.0, 2: None}


def test_the_legend_gets_the_newest_values():
    run = run_state(val_accuracies=ACCURACIES)
    assert [one.note for one in accuracy_chart(run, PLAIN).series] == ["41.00%", "42.00%"]
    assert [one.note for one in accuracy_chart(run, ERRORS).series] == ["59.00%", "58.00%"]
    assert [one.note for one in loss_chart(run, PLAIN).series] == ["1.6000", "1.5000"]


def test_the_note_names_the_best_epoch_not_the_last():
    run = run_state(val_accuracies=ACCURACIES)
    assert accuracy_chart(run, PLAIN).note == "★ 46.00% @2"
    assert accuracy_chart(run, ERRORS).note == "★ 54.00% @2"


def test_a_lost_value_is_a_gap_and_never_the_best():
    run = run_with(
        {"val_accuracy": math.nan, "val_loss": math.nan, "train_loss": math.inf},
        {"val_accuracy": 0.5, "val_loss": 1.25},
        {"val_accuracy": 0.4, "val_loss": 1.5},
    )
    for look in (PLAIN, ERRORS):
        what = accuracy_chart(run, look)
        assert what.series[1].y[0] is None
        assert what.note.endswith("@2")
        assert what == accuracy_chart(run, look), "the same run is the same chart"
    train, val = loss_chart(run, PLAIN).series
    assert train.y[0] is None
    assert val.y == (None, 1.25, 1.5)
    assert loss_chart(run, PLAIN).note.endswith("@2")


def test_loss_has_its_lowest_validation_in_the_note():
    run = run_with({"val_loss": 1.5, "train_loss": 2.0}, {"val_loss": 1.25, "train_loss": 1.0}, {"val_loss": 1.75})
    what = loss_chart(run, PLAIN)
    assert what.note == "★ 1.2500 @2"
    assert points(what.series[0])[2] == 1.0
    assert points(what.series[1]) == {1: 1.5, 2: 1.25, 3: 1.75}
    assert not what.percent
    assert not what.log_y


def test_without_a_run_the_charts_are_empty_and_say_so():
    for what in (accuracy_chart(None, ERRORS), accuracy_chart(None, PLAIN), loss_chart(None, PLAIN)):
        assert all(not one.y and not one.note for one in what.series)
        assert what.x_limits == (1, EMPTY_EPOCHS)
    assert accuracy_chart(None, PLAIN).note == "no epoch yet"
    assert accuracy_chart(run_with(spec=RunSpec(epochs=5)), PLAIN).note == "no epoch yet"


def test_the_axis_follows_the_number_of_epochs():
    run = run_with({}, {}, spec=RunSpec(epochs=20))
    charts = (
        lambda: accuracy_chart(run, PLAIN),
        lambda: loss_chart(run, PLAIN),
        lambda: overlay_chart(*marked(run), look=PLAIN),
    )
    for planned, shown in ((20, 20), (25, 25), (2, 2), (1, 2)):
        run.epochs = planned
        assert [what().x_limits for what in charts] == [(1, shown)] * 3


def test_marked_runs_share_a_chart_as_long_as_the_longest():
    short = run_state("a", val_accuracies=(0.3, 0.4), spec=RunSpec(epochs=2, features=4, seed=7))
    long = run_state("b", val_accuracies=(0.2, 0.3, 0.5), spec=RunSpec(epochs=3))
    what = overlay_chart(*marked(short, long), look=PLAIN)
    assert what.x_limits == (1, 3)
    assert [one.name for one in what.series] == ["●1", "●2"]
    assert points(what.series[0]) == {1: 0.3, 2: 0.4}
    assert points(what.series[1]) == {1: 0.2, 2: 0.3, 3: 0.5}
    assert what.series[0].note == "2 ep x 4 f s7"
    assert not what.note


def test_marked_runs_as_errors():
    run = run_with({"val_accuracy": 0.75}, {"val_accuracy": math.nan})
    what = overlay_chart(*marked(run), look=ERRORS)
    assert what.series[0].y == (0.25, None)
    assert what.log_y
    assert "error" in what.title


def test_a_marked_run_keeps_its_colour_and_line_when_others_go():
    runs, slots = marked(*(run_state(name) for name in "abcd"))
    together = overlay_chart(runs, slots, look=PLAIN).series
    (alone,) = overlay_chart(runs[2:3], slots, look=PLAIN).series
    assert alone == together[2]
    assert len({one.ink for one in together}) == 4
    assert len({(one.dashed, one.thick) for one in together}) == 4, "colour is not the only sign"


def test_without_a_mark_the_chart_says_how_to_set_one():
    what = overlay_chart((), {}, look=ERRORS)
    assert not what.series
    assert "Space" in what.note
    assert what.x_limits == (1, EMPTY_EPOCHS)


def with_steps(run, *losses, epoch):
    for number, loss in enumerate(losses, start=1):
        apply_to_run(run, progress(epoch, 10 * number, loss=loss))
    return run


def test_inside_an_epoch_the_loss_goes_on_ahead_of_the_points():
    run = with_steps(run_with({}, spec=RunSpec(epochs=5)), 2.0, 1.0, 1.0, 1.0, epoch=2)
    (now,) = (one for one in loss_chart(run, PLAIN).series if one.name == "now")
    assert now.x == pytest.approx((1.1, 1.2, 1.3, 1.4))
    # Smoothed: it follows, without jumping.
    values = [value for value in now.y if value is not None]
    assert values[0] == 2.0
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4
    assert values[-1] > 1.0
    assert loss_chart(run, PLAIN).x_limits == (1.0, 5.0)


def test_in_the_first_epoch_both_axes_begin_before_its_point():
    run = with_steps(run_with(spec=RunSpec(epochs=5)), 2.0, 1.0, 1.0, epoch=1)
    assert loss_chart(run, PLAIN).x_limits == accuracy_chart(run, ERRORS).x_limits == (0.0, 5.0)


def test_an_epoch_too_short_to_be_seen_has_no_curve_of_its_own():
    run = with_steps(run_with({}, spec=RunSpec(epochs=5)), 2.0, 1.0, epoch=2)
    assert len(loss_chart(run, PLAIN).series) == 2


# Looked at in another way ------------------------------------------------------------------------------


def named(what, name):
    return next(one for one in what.series if one.name == name)


def test_x_counts_epochs_seconds_or_steps():
    run = run_state(val_accuracies=ACCURACIES, spec=RunSpec(epochs=5))
    assert places(run, XAxis.EPOCHS) == [1, 2, 3]
    seconds = places(run, XAxis.SECONDS)
    assert seconds[-1] == pytest.approx(sum(e.epoch_s for e in run.history))
    steps = places(run, XAxis.STEPS)
    assert run.dataset is not None
    assert run.network is not None
    assert steps[1] == 2 * steps[0] == 2 * -(-run.dataset.n_train // run.network.batch_size)
    for x in XAxis:
        what = accuracy_chart(run, ChartView(x=x))
        assert what.x_unit == x.value
        assert named(what, "val").x == tuple(places(run, x))
        assert what.x_limits == limits(run, x)
    run.status = Status.RUNNING
    # Two more epochs to come, each as long as those before.
    assert limits(run, XAxis.SECONDS)[1] == pytest.approx(seconds[-1] * 5 / 3)


def test_the_scales_are_linear_error_log_and_the_whole():
    run = run_state(val_accuracies=ACCURACIES)
    shown = {scale: accuracy_chart(run, ChartView(scale=scale)) for scale in Scale}
    assert [shown[scale].log_y for scale in Scale] == [False, True, True, False]
    assert shown[Scale.FULL].y_limits == (0.0, 1.0)
    assert named(shown[Scale.LOG], "val").y == named(shown[Scale.LINEAR], "val").y
    assert len({what.title for what in shown.values()}) == 4
    limits_of_loss = loss_chart(run, ChartView(scale=Scale.FULL)).y_limits
    assert limits_of_loss == pytest.approx((0.0, max(e.train_loss for e in run.history)))
    assert loss_chart(run, ERRORS).log_y


def test_the_best_epoch_has_a_star_on_its_curve():
    run = run_state(val_accuracies=ACCURACIES)
    (star,) = (mark for mark in accuracy_chart(run, PLAIN).marks if mark.sign == "★")
    assert star.x == 2.0
    assert star.y == pytest.approx(0.46)
    (star,) = (mark for mark in accuracy_chart(run, ERRORS).marks if mark.sign == "★")
    assert star.y == pytest.approx(0.54)


def test_what_happened_to_a_run_is_marked_on_the_axis_and_told_at_the_cursor():
    run = run_with({}, {}, {}, spec=RunSpec(epochs=5))
    apply_to_run(run, RunPaused(run=run.run, epoch=2))
    apply_to_run(run, RateChanged(run=run.run, epoch=3, learning_rate=0.01))
    apply_to_run(run, EpochsChanged(run=run.run, epoch=3, epochs=9))
    run.status = Status.DIVERGED
    signs = {mark.sign: mark.x for mark in accuracy_chart(run, PLAIN).marks if mark.sign != "★"}
    assert signs == {"‖": 1.5, "±": 2.5, "λ": 2.0, "✖": 3.0}
    assert set(signs) < set(MARK_MEANINGS)
    told = accuracy_chart(run, ChartView(cursor=3.0)).note
    assert told.startswith("epoch 3")
    assert "diverged" in told


def test_a_rate_is_marked_once_it_is_in_use():
    run = run_with({}, {}, spec=RunSpec(epochs=5))
    run.status = Status.PAUSED
    apply_to_run(run, RateChanged(run=run.run, epoch=4, learning_rate=0.01))
    assert "λ" not in {mark.sign for mark in accuracy_chart(run, PLAIN).marks}
    apply_to_run(run, epoch_done(3))
    (used,) = (mark for mark in accuracy_chart(run, PLAIN).marks if mark.sign == "λ")
    assert used.x == 3.0


def test_at_the_cursor_the_legend_says_the_values_of_that_epoch():
    run = run_state(val_accuracies=ACCURACIES)
    what = accuracy_chart(run, ChartView(cursor=1.2))
    assert [one.note for one in what.series] == ["29.00%", "30.00%"]
    assert what.note == "epoch 1"
    assert what.cursor == 1.2


def test_smoothing_keeps_the_curve_pale_behind_its_mean():
    run = run_state(val_accuracies=(0.2, 0.8, 0.2, 0.8, 0.2))
    what = accuracy_chart(run, ChartView(smoothing=Smoothing.STRONG))
    pale, mean = (one for one in what.series if one.ink == named(what, "val").ink)
    assert pale.dim
    assert pale.y == pytest.approx((0.2, 0.8, 0.2, 0.8, 0.2))
    assert mean.thick
    assert mean.note == "20.00%", "the legend says what was measured"
    values = [value for value in mean.y if value is not None]
    assert values[0] == pytest.approx(0.2), "it begins with the first value, not with 0"
    assert max(values) - min(values) < 0.4
    assert all(0.2 <= value <= 0.8 for value in values)


def test_what_is_out_of_view_is_left_out_but_for_one_point_on_each_side():
    run = run_state(val_accuracies=[0.1 + epoch / 100 for epoch in range(50)], spec=RunSpec(epochs=50))
    what = accuracy_chart(run, ChartView(span=4.0, end=30.0))
    assert what.x_limits == (26.0, 30.0)
    assert named(what, "val").x == tuple(map(float, range(25, 32)))


def test_marked_runs_lie_dashed_behind_the_run_shown():
    run, other = run_state("a", val_accuracies=ACCURACIES), run_state("b", val_accuracies=(0.1, 0.2))
    what = accuracy_chart(run, PLAIN, {2: other})
    assert [one.name for one in what.series] == ["●3", "train", "val"]
    assert what.series[0].dashed
    assert what.series[0].y == (0.1, 0.2)
    assert what.series[0].note == "20.00%"
    assert what.series[0].ink == overlay_chart([other], {"b": 2}, look=PLAIN).series[0].ink
