import pytest

from mnist_tui.core.metric import Split, metric, primary_of, quantities, with_twins
from mnist_tui.core.units import Direction, Unit


@pytest.mark.parametrize(
    ("name", "split", "quantity", "goal", "unit"),
    [
        ("loss", Split.NONE, "loss", Direction.LOWER, Unit.LOSS),
        ("train/loss", Split.TRAIN, "loss", Direction.LOWER, Unit.LOSS),
        ("val_loss", Split.VALIDATION, "loss", Direction.LOWER, Unit.LOSS),
        ("valid_acc_epoch", Split.VALIDATION, "accuracy", Direction.HIGHER, Unit.FRACTION),
        ("eval/f1", Split.VALIDATION, "f1", Direction.HIGHER, Unit.FRACTION),
        ("val/dice_loss", Split.VALIDATION, "dice_loss", Direction.LOWER, Unit.LOSS),
        ("Loss/train", Split.TRAIN, "loss", Direction.LOWER, Unit.LOSS),
        ("accuracy/val", Split.VALIDATION, "accuracy", Direction.HIGHER, Unit.FRACTION),
        ("test_map@50", Split.TEST, "map@50", Direction.HIGHER, Unit.FRACTION),
        ("mapping", Split.NONE, "mapping", Direction.NONE, Unit.LOSS),
        ("episode_reward", Split.NONE, "episode_reward", Direction.HIGHER, Unit.LOSS),
        ("train", Split.NONE, "train", Direction.NONE, Unit.LOSS),
        ("val/error_rate", Split.VALIDATION, "error_rate", Direction.LOWER, Unit.LOSS),
        ("step_time", Split.NONE, "step_time", Direction.LOWER, Unit.SECONDS),
        ("time/s", Split.NONE, "time/s", Direction.LOWER, Unit.SECONDS),
        ("train_runtime_s", Split.TRAIN, "runtime_s", Direction.NONE, Unit.SECONDS),
        ("images_per_s", Split.NONE, "images_per_s", Direction.NONE, Unit.LOSS),
        ("train/it/s", Split.TRAIN, "it/s", Direction.NONE, Unit.LOSS),
        ("lr", Split.NONE, "lr", Direction.NONE, Unit.LOSS),
    ],
)
def test_a_name_says_what_a_number_means(name, split, quantity, goal, unit):
    found = metric(name)
    assert (found.split, found.quantity, found.goal, found.unit) == (split, quantity, goal, unit)


def test_an_accuracy_above_one_is_a_percentage():
    assert metric("val/acc", largest=0.98).unit is Unit.FRACTION
    assert metric("val/acc", largest=98.0).unit is Unit.PERCENT
    assert metric("val/acc", largest=5_000.0).unit is Unit.LOSS


def test_a_plain_name_next_to_one_of_validation_is_of_training():
    plain, val, alone = with_twins(map(metric, ("accuracy", "val_accuracy", "grad")))
    assert (plain.split, val.split, alone.split) == (Split.TRAIN, Split.VALIDATION, Split.NONE)
    plain, train, _ = with_twins(map(metric, ("loss", "train_loss", "val_loss")))
    assert (plain.split, train.split) == (Split.NONE, Split.TRAIN)


def chosen(known, declared=()):
    found = primary_of(known, declared)
    return found.name if found is not None else None


def test_the_primary_metric_is_the_declared_one_or_a_validation_score():
    known = tuple(map(metric, ("loss", "val/loss", "val/acc", "val/wer", "speed")))
    assert chosen(known) == "val/acc"
    assert chosen(known, ["val/wer"]) == "val/wer"
    assert chosen(known, ["speed", "missing"]) == "val/acc", "a metric without a goal decides nothing"
    assert chosen(known[:2]) == "val/loss"
    assert chosen(known[:1]) is None


def test_charts_begin_with_the_primary_quantity_and_end_with_what_is_dull():
    known = tuple(map(metric, ("lr", "grad_norm", "reward", "loss", "val/loss", "val/acc", "acc", "val/wer")))
    assert quantities(known, primary_of(known)) == ("accuracy", "loss", "wer", "reward", "lr", "grad_norm")
