"""What an epoch tells about the network agrees with the epoch's own numbers, and outlives the process."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone
from mnist_tui.core.insight import insight_from_bytes
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import session
from mnist_tui.engine.data import load_digits
from mnist_tui.engine.insight import REGIONS, take_insight
from mnist_tui.engine.model import build_model
from mnist_tui.engine.session import run_sweep
from mnist_tui.engine.trainer import Intervals
from mnist_tui.errors import StoreError
from mnist_tui.store.claims import Claims
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store

RUN = "run-1"
SPEC = RunSpec(epochs=3, features=2, dataset="digits", device="cpu", threads=1)
VALIDATION = 299


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def train(home, spec):
    with Store.open(home) as store:
        events = list(run_sweep(Claims(store, [QueuedRun(RUN, spec)]), RunControl()))
        for event in events:
            store.record(event)
        return events


def insights_of(events):
    return {event.epoch: event.insight for event in events if isinstance(event, EpochDone) and event.insight}


@pytest.fixture
def each_epoch(monkeypatch):
    monkeypatch.setattr(session, "INTERVALS", Intervals(insight_s=0))


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("backend", ["compiled", "torch"])
@pytest.mark.parametrize("features", [1, 2, 8, 12])
def test_every_epoch_s_matrix_is_that_of_its_validation(home, backend, features):
    events = train(home, replace(SPEC, features=features, backend=backend))
    accuracies = {event.epoch: event.val_accuracy for event in events if isinstance(event, EpochDone)}
    insights = insights_of(events)
    labels = load_digits(SPEC.split_seed).validation_labels.tolist()
    assert list(insights) == list(accuracies) == [1, 2, 3]
    for epoch, insight in insights.items():
        assert sum(map(sum, insight.confusion)) == VALIDATION
        assert insight.accuracy == accuracies[epoch]
        assert [sum(row) for row in insight.confusion] == [labels.count(label) for label in range(10)]
        for label, row in enumerate(insight.confusion):
            assert insight.class_accuracy[label] == row[label] / sum(row)
            for predicted, count in enumerate(row):
                assert count == [*zip(labels, insight.predictions, strict=True)].count((label, predicted))


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("features", [2, 8, 12])
def test_what_is_read_from_the_store_is_what_was_told(home, features):
    told = insights_of(train(home, replace(SPEC, features=features)))
    with Store.open_readonly(home) as store:
        assert store.insight_epochs(RUN) == [1, 2, 3]
        for epoch, insight in told.items():
            assert store.insight(RUN, epoch) == insight
        assert store.insight(RUN, 4) is None


def test_where_epochs_are_fast_some_have_none_but_the_first_and_the_last_do(home, monkeypatch):
    monkeypatch.setattr(session, "INTERVALS", Intervals(insight_s=3600))
    assert list(insights_of(train(home, replace(SPEC, epochs=4)))) == [1, 4]


@pytest.mark.usefixtures("each_epoch")
def test_mistakes_are_wrong_and_the_most_confident_come_first(home):
    insight = insights_of(train(home, SPEC))[3]
    labels = load_digits(SPEC.split_seed).validation_labels.tolist()
    surest = [mistake.probabilities[mistake.predicted] for mistake in insight.mistakes]
    assert surest == sorted(surest, reverse=True)
    for mistake in insight.mistakes:
        assert mistake.label == labels[mistake.image] != mistake.predicted == insight.predictions[mistake.image]
        assert mistake.predicted == mistake.probabilities.index(max(mistake.probabilities))
        assert sum(mistake.probabilities) == pytest.approx(1, abs=1e-4)
        confidence = insight.confidences[mistake.image] / 255
        assert confidence == pytest.approx(mistake.probabilities[mistake.predicted], abs=0.002)


@pytest.mark.usefixtures("each_epoch")
def test_with_two_features_the_map_shows_the_values_themselves(home):
    insight = insights_of(train(home, SPEC))[3]
    assert insight.points == insight.values
    assert insight.kept == 1
    assert insight.project((0.25, 0.5)) == (0.25, 0.5)
    left, right, bottom, top = insight.limits
    assert all(left < x < right and bottom < y < top for x, y in insight.points)


@pytest.mark.usefixtures("each_epoch")
def test_with_more_features_the_map_keeps_what_varies_most(home):
    insight = insights_of(train(home, replace(SPEC, features=8)))[3]
    for point, values in zip(insight.points, insight.values, strict=True):
        assert insight.project(values) == pytest.approx(point, abs=0.01)
    spread = torch.tensor(insight.points).var(dim=0).sum() / torch.tensor(insight.values).var(dim=0).sum()
    assert insight.kept == pytest.approx(float(spread), abs=0.01)
    assert insight.regions == b""


def test_the_regions_are_what_the_classifier_says_there():
    model = build_model(2, 10, 3)
    values = torch.rand(50, 2)
    insight = take_insight(RUN, 1, torch.arange(50) % 10, model.classify(values).detach(), values, model.classify)
    left, right, bottom, top = insight.limits
    for row, column in [(0, 0), (0, REGIONS - 1), (REGIONS - 1, 0), (20, 30)]:
        x = left + (right - left) * column / (REGIONS - 1)
        y = top + (bottom - top) * row / (REGIONS - 1)
        expected = int(model.classify(torch.tensor([[x, y]])).argmax())
        assert insight.regions[row * REGIONS + column] == expected


@pytest.mark.parametrize("features", [1, 2, 8, 9, 512])
def test_an_insight_of_mnist_s_size_needs_less_than_50_kilobytes(features):
    model = build_model(features, 10, 3)
    values, labels = torch.rand(10_000, features), torch.randint(10, (10_000,))
    insight = take_insight(RUN, 1, labels, model.classify(values).detach(), values, model.classify)
    assert len(insight.points) == len(insight.labels) == 1_000
    assert len(insight.to_bytes()) < 50_000


@pytest.mark.usefixtures("each_epoch")
def test_the_validation_images_can_be_looked_at_without_the_data(home):
    train(home, SPEC)
    train(home / "again", SPEC)
    digits = load_digits(SPEC.split_seed)
    with Store.open_readonly(home) as store:
        kept = store.validation_set(store.run(RUN))
    assert kept is not None
    assert kept.classes == tuple("0123456789")
    assert kept.labels == bytes(digits.validation_labels.tolist())
    for at in (0, 17, VALIDATION - 1):
        assert kept.image(at) == bytes(digits.validation_images[at].flatten().tolist())
    # What has no such image shows an empty one.
    assert kept.image(VALIDATION) == bytes(28 * 28)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_insight_is_told_in_one_sentence(home, damage):
    train(home, SPEC)
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        if damage is None:
            ((data,),) = database.execute("SELECT data FROM insights WHERE epoch = 1").fetchall()
            damage = data[: len(data) // 2]
        database.execute("UPDATE insights SET data = ? WHERE epoch = 1", (damage,))
    with Store.open_readonly(home) as store, pytest.raises(StoreError, match="cannot be read"):
        store.insight(RUN, 1)
    with pytest.raises(ValueError, match="damaged"):
        insight_from_bytes(RUN, 1, damage)


def test_a_diverged_epoch_has_no_insight(home):
    insights = insights_of(train(home, replace(SPEC, learning_rate=1e30)))
    assert all(insight.epoch < 2 for insight in insights.values())
