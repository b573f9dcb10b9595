"""What runs are grouped, sorted and plotted by, and the plots with a point or a line for each run."""

import itertools

import pytest

from mnist_tui.core.facets import differing, facets, rank_correlation, result
from mnist_tui.core.metrics import Spread
from mnist_tui.core.view import SEEDS, View, as_name, words
from mnist_tui.errors import UsageError
from mnist_tui.report.charts import rasterise
from mnist_tui.report.chartview import Dots
from mnist_tui.report.runlist import arrange, grouped
from mnist_tui.report.runplot import axis_of, parallel_chart, scatter_chart
from tests.unit.test_compare import run
from tests.unit.test_scripttable import script

RUNS = [
    run(f"r{at}", 0.3, 0.3 + at / 20, features=features, learning_rate=rate, optimizer=optimizer, seed=at % 2)
    for at, (features, rate, optimizer) in enumerate(itertools.product((2, 8), (0.001, 0.1), ("adam", "sgd")))
]


def drawn(chart, width=80, height=16):
    return ["".join(text for text, _ in row) for row in rasterise(chart, width, height).rows]


def test_settings_and_results_are_named_as_in_filters():
    known = facets(RUNS)
    assert {"features", "lr", "optimizer", "val", "time", "status", "date"} <= set(known)
    assert [one.word for one in differing(known, RUNS)] == ["features", "lr", "optimizer", "seed"]
    best = result(known)
    assert best is not None
    assert best.word == "val"
    assert known["val"].number(RUNS[4]) == pytest.approx(0.5)
    assert "name" not in known, "no run has one"


def test_scripts_have_their_own_settings_and_numbers():
    runs = [script(f"r-0{at}", (0.5, 0.6 + at / 100), width=8 * at, kind="a") for at in range(1, 4)]
    known = facets(runs)
    assert known["width"].number(runs[1]) == 16
    assert known["val/f1"].number(runs[0]) == pytest.approx(0.61)
    assert not known["kind"].is_numeric(runs)


def test_a_rank_correlation_is_told_only_where_it_is_clear():
    rising = [(float(x), float(x**3)) for x in range(8)]
    assert rank_correlation(rising) == 1.0
    assert rank_correlation([(x, -y) for x, y in rising]) == -1.0
    assert rank_correlation(rising[:4]) is None
    assert rank_correlation([(float(x), float(x * 7 % 5)) for x in range(8)]) is None
    assert rank_correlation([(1.0, float(y)) for y in range(8)]) is None
    # Ties share the mean of their ranks.
    assert rank_correlation([(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6)]) == pytest.approx(0.956, abs=1e-3)


# Groups --------------------------------------------------------------------------------------------------


def test_groups_stand_in_the_order_of_their_values_with_the_mean_of_their_finished_runs():
    groups = grouped(RUNS, "features")
    assert [(group.title, len(group.runs)) for group in groups] == [("features 2", 4), ("features 8", 4)]
    val = next(column for column in arrange(RUNS)[0] if column.column.key == "last_val_accuracy")
    mean = groups[0].mean(val)
    assert isinstance(mean, Spread)
    assert mean.mean == pytest.approx(0.375)
    assert mean.n == 4
    assert [group.title for group in grouped(RUNS, "lr")] == ["lr 0.001", "lr 0.1"]
    assert [group.title for group in grouped(RUNS, "optimizer")] == ["optimizer adam", "optimizer sgd"]


def test_runs_without_the_property_come_last_and_an_unknown_one_groups_nothing():
    mixed = [*RUNS[:2], script("r-09", (0.5,), width=8)]
    assert [group.title for group in grouped(mixed, "features")] == ["features 2", "no features"]
    assert len(grouped(RUNS, "colour")) == len(RUNS)


def test_chosen_columns_come_in_their_order_after_the_id():
    known = facets(RUNS)
    columns, _ = arrange(RUNS, [known["lr"], known["test"]])
    assert [column.column.key for column in columns] == ["run", "learning_rate", "test_accuracy"]
    runs = [script("r-01", (0.5, 0.7))]
    columns, _ = arrange(runs, [facets(runs)["val/f1"]])
    assert columns[1].value(runs[0]) == 0.7


# Plots ---------------------------------------------------------------------------------------------------


def test_a_scatter_shows_a_sign_for_each_run_and_what_is_marked():
    chart = scatter_chart(RUNS, View(x="features"), {"r3": 1}, "r7", Dots.BRAILLE)
    assert chart.title == "Val over features"
    assert chart.note.startswith("8 runs, rank correlation +0.8")
    text = "\n".join(drawn(chart))
    assert text.count("•") == 6
    assert text.count("◆") == 1
    assert "2" in text


def test_far_apart_values_have_a_log_axis_and_texts_are_named():
    known = facets(RUNS)
    rates = axis_of(known["lr"], RUNS)
    assert rates.is_log
    assert rates.ends == ("0.001", "0.1")
    assert not axis_of(known["features"], RUNS).is_log
    assert axis_of(known["optimizer"], RUNS).names == ("adam", "sgd")
    bottom = drawn(scatter_chart(RUNS, View(x="optimizer"), {}, None, Dots.BRAILLE))[-1]
    assert bottom.split() == ["adam", "sgd"]


def test_the_points_of_a_group_have_its_colour():
    chart = scatter_chart(RUNS, View(x="lr", group="optimizer"), {}, None, Dots.BRAILLE)
    assert [series.name for series in chart.series] == ["optimizer adam", "optimizer sgd"]
    assert len({series.ink for series in chart.series}) == 2


def test_parallel_coordinates_have_an_axis_for_each_setting_that_differs_and_the_result_last():
    chart = parallel_chart(RUNS, View(), {"r1": 0}, "r2", Dots.BRAILLE)
    assert [title for title, *_ in chart.axes] == ["features", "lr", "optimizer", "seed", "val"]
    assert chart.axes[1][1:] == ("0.001", "0.1")
    assert chart.axes[2][1:] == ("adam", "sgd")
    rows = drawn(chart, 100, 16)
    assert len(rows) == 16
    assert {len(row) for row in rows} == {100}
    assert rows[-1].split() == ["features", "lr", "optimizer", "seed", "val"]
    assert "65.0%" in rows[0]
    assert "the best quarter in colour" in chart.note


@pytest.mark.parametrize("plot", [scatter_chart, parallel_chart])
@pytest.mark.parametrize("runs", [[], RUNS[:1], [script("r-01", ())], [*RUNS, script("r-02", (0.4,))]])
@pytest.mark.parametrize("size", [(1, 1), (12, 5), (40, 10), (200, 50)])
def test_any_runs_can_be_plotted_at_any_size(plot, runs, size):
    chart = plot(runs, View(), {}, None, Dots.BRAILLE)
    rows = drawn(chart, *size)
    assert len(rows) == size[1]
    assert {len(row) for row in rows} == {size[0]}


# Views ---------------------------------------------------------------------------------------------------


def test_a_view_names_only_what_runs_have():
    known = facets(RUNS)
    View(filter="val>30", group="lr", sort="-val", columns=("features",), plot="scatter", x="lr", y="test").check(known)
    View(group=SEEDS).check(known)
    for wrong in ({"group": "colour"}, {"sort": "-colour"}, {"columns": ("colour",)}, {"x": "colour"}):
        with pytest.raises(UsageError, match="these runs have no 'colour'"):
            View(**wrong).check(known)
    with pytest.raises(UsageError, match="val must be a number"):
        View(filter="val>high").check(known)
    with pytest.raises(UsageError, match="plot must be one of curves, scatter, parallel"):
        View(plot="pie")


def test_lists_are_read_with_commas_or_spaces_and_names_on_one_line():
    assert words("lr, val  test,lr") == ("lr", "val", "test")
    assert as_name("  wide \n nets ") == "wide nets"
    with pytest.raises(UsageError, match="at most 30"):
        as_name("x" * 31)
