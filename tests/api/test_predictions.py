"""The predictions of any classifier show its mistakes, as those of the built-in network do."""

import numpy as np
import pytest
import torch

from mnist_tui.core.insight import Insight
from mnist_tui.store.database import Store

LABELS = [0, 1, 2, 2]
SCORES = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.1, 0.0, 0.9]]


def handed_over(begin, home, labels, scores, **more):
    """Return the insight of an epoch, and the pictures, of a run that handed this over."""
    with begin(epochs=2) as run:
        for epoch in run.epochs():
            if epoch == 2:
                run.predictions(labels, scores, **more)
    with Store.open_readonly(home) as store:
        found = store.run("last")
        return store.last_insight(found.run), store.validation_set(found), found


@pytest.mark.parametrize(
    "kind",
    [
        lambda values: values,
        np.array,
        torch.tensor,
        lambda values: torch.tensor(values).log() if isinstance(values[0], list) else torch.tensor(values),
    ],
    ids=["lists", "arrays", "tensors", "logits"],
)
def test_the_mistakes_of_a_classifier_are_kept_with_its_epoch(begin, home, kind):
    scores = [[max(value, 1e-6) for value in row] for row in SCORES]
    insight, pictures, run = handed_over(begin, home, kind(LABELS), kind(scores), classes=["a", "b", "c"])
    assert isinstance(insight, Insight)
    assert insight.epoch == 2
    assert insight.confusion == ((1, 0, 0), (0, 1, 0), (1, 0, 1))
    (mistake,) = insight.mistakes
    assert (mistake.image, mistake.label, mistake.predicted) == (2, 2, 0)
    assert mistake.probabilities == pytest.approx((0.7, 0.2, 0.1), abs=0.01)
    assert insight.sureness(0) == "80%"
    assert run.dataset.classes == pictures.classes == ("a", "b", "c")


def test_images_are_shown_with_the_mistakes(begin, home):
    images = np.linspace(0, 1, 4 * 3 * 3).reshape(4, 1, 3, 3)
    _, pictures, _ = handed_over(begin, home, LABELS, SCORES, images=images)
    assert pictures.side == 3
    assert pictures.image(3)[-1] == 255
    assert pictures.image(0)[0] == 0
    assert pictures.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("labels", "scores", "more", "why"),
    [
        ([0, 1], SCORES, {}, "do not fit together"),
        ([0, 1, 2, 3], SCORES, {}, "labels must be from 0 to 2"),
        (LABELS, [[float("nan")] * 3] * 4, {}, "must be finite"),
        (LABELS, np.zeros((4, 101)), {}, "101 classes are too many"),
        (LABELS, SCORES, {"classes": ["a"]}, "3 classes, but 1 names"),
        (LABELS, SCORES, {"images": np.zeros((4, 3, 3, 3))}, "grey and square"),
        (LABELS, "text", {}, "not shown"),
    ],
)
def test_wrong_predictions_are_said_once_and_end_nothing(begin, home, capfd, labels, scores, more, why):
    insight, _, run = handed_over(begin, home, labels, scores, **more)
    assert insight is None
    assert run.epochs_done == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert why in line


def test_predictions_outside_of_an_epoch_are_said(begin, home, capfd):
    with begin() as run:
        run.predictions(LABELS, SCORES)
    assert "belong to an epoch" in capfd.readouterr().err
