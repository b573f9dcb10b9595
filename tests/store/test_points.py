import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.errors import StoreError
from mnist_tui.store.database import Store
from mnist_tui.store.points import BLOCK, Followed, PointWriter
from tests.builders import run_events

RUN = "run-1"


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as opened:
        opened.record(run_events(RUN)[0])
        yield opened


def write(store, points, name="loss"):
    PointWriter(store._connection, RUN).add({name: points})


def read(store, name="loss", known=None):
    found = store.points(RUN, name, known).series
    return list(zip(found.steps, found.values, strict=True))


def size(store):
    ((rows, steps),) = store._connection.query("SELECT count(*), count(steps) FROM points")
    return rows, steps


def test_every_value_is_kept_and_even_steps_take_no_room(store):
    points = [(step, math.sin(step)) for step in range(1, 2 * BLOCK + 2)]
    write(store, points)
    assert read(store) == points
    assert size(store) == (3, 0)


def test_numbers_that_sql_would_lose_come_back(store):
    points = [(1, math.nan), (2, math.inf), (3, -math.inf), (4, -0.0), (5, 5e-324)]
    write(store, points)
    assert repr(read(store)) == repr(points)


def test_points_are_added_piece_by_piece_and_followed_so(store):
    writer, known = PointWriter(store._connection, RUN), Followed()
    points = [(3 * step, float(step)) for step in range(1, 1_500)]
    for start in range(0, len(points), 100):
        writer.add({"loss": points[start : start + 100], "other": points[:1]})
        known = store.points(RUN, "loss", known)
        assert list(known.series.steps) == [step for step, _ in points[: start + 100]]
    assert list(known.series.values) == [value for _, value in points]
    assert store.point_names(RUN) == ["loss", "other"]


def test_a_later_value_of_a_step_replaces_the_earlier_one(store):
    write(store, [(5, 0.5), (1, 0.1), (3, 0.3)])
    assert read(store) == [(1, 0.1), (3, 0.3), (5, 0.5)]
    write(store, [(3, 0.33), (7, 0.7)])
    assert read(store) == [(1, 0.1), (3, 0.33), (5, 0.5), (7, 0.7)]


@settings(deadline=None, max_examples=30)
@given(pieces=st.lists(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=5), min_size=1, max_size=8))
def test_any_order_of_steps_is_followed(pieces, tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("home")) as store:
        store.record(run_events(RUN)[0])
        writer, known = PointWriter(store._connection, RUN), Followed()
        latest: dict[int, float] = {}
        for number, steps in enumerate(pieces):
            writer.add({"loss": [(step, float(number)) for step in steps]})
            latest |= dict.fromkeys(steps, float(number))
            known = store.points(RUN, "loss", known)
            assert dict(zip(known.series.steps, known.series.values, strict=True)) == latest
            assert list(known.series.steps) == sorted(latest)


def test_points_after_a_step_can_be_removed_before_more_are_added(store):
    write(store, [(step, float(step)) for step in range(1, 1_001)])
    write(store, [(10, 1.0), (900, 9.0)], "other")
    writer = PointWriter(store._connection, RUN)
    assert writer.cut(600) == 401
    writer.add({"loss": [(601, -1.0)]})
    assert read(store)[-2:] == [(600, 600.0), (601, -1.0)]
    assert read(store, "other") == [(10, 1.0)]


def test_points_go_with_their_run(store):
    write(store, [(1, 1.0)])
    for event in run_events(RUN)[1:]:
        store.record(event)
    store.relabel([RUN], lambda labels: replace(labels, deleted_at="2020-01-01"))
    assert store.purge("2021-01-01") == 1
    assert size(store) == (0, 0)


def test_damaged_points_are_told_apart(store):
    write(store, [(1, 1.0), (5, 2.0), (6, 2.0)])
    store._connection._connection.execute("UPDATE points SET steps = x'00'")
    with pytest.raises(StoreError, match="cannot be read"):
        read(store)
