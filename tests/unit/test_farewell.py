"""The last line in the shell."""

from dataclasses import replace

from mnist_tui.core.status import Status
from mnist_tui.tui.farewell import farewell
from tests.builders import DIGITS, run_state


def test_nothing_done_is_nothing_said():
    assert farewell([], 0) == ""


def test_what_was_kept_and_how_to_see_it():
    said = farewell([run_state("run-1", val_accuracies=(0.4, 0.5)), run_state("run-2", val_accuracies=(0.3,))], 0)
    assert said == (
        "3 epochs of 2 runs kept, best validation accuracy 50.00%. `mnist-tui show last` shows the last one."
    )


def test_a_stopped_run_is_named_with_the_command_that_goes_on():
    said = farewell([run_state("run-1", status=Status.STOPPED, val_accuracies=(0.4,))], 2)
    assert "1 epoch of 1 run kept" in said
    assert "`mnist-tui resume run-1` continues" in said
    assert said.endswith("2 runs are still waiting and will be there next time you start.")


def test_a_run_stopped_before_its_first_epoch_can_go_on_too():
    stopped = replace(run_state("run-1", status=Status.STOPPED, val_accuracies=()))
    assert farewell([stopped], 0) == "`mnist-tui resume run-1` continues the stopped run."


def test_that_these_were_the_digits_is_told_with_the_reason_and_the_way_to_mnist():
    digits = replace(DIGITS, note="MNIST is not available (no network). Get it with `mnist-tui data fetch`")
    runs = [replace(run_state(f"run-{seed}"), dataset=digits) for seed in range(2)]
    said = farewell(runs, 0)
    assert said.count("8x8 digits (not MNIST)") == 1
    assert "MNIST is not available (no network). Get it with `mnist-tui data fetch`" in said


def test_what_goes_on_in_the_background_is_told_first():
    assert farewell([], 0, 1) == "A run continues in the background: `mnist-tui attach` shows it."
    said = farewell([run_state("run-1")], 0, 3)
    assert said.startswith("3 runs continue in the background: `mnist-tui attach` shows them.")
    assert "3 epochs of 1 run kept" in said
