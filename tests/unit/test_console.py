import io
import json
import math
import os
import re
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import EpochsChanged, Event, Notice, Preparing, RunPaused, RunResumed, SweepDone
from mnist_tui.core.parsing import event_from_json
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.report.console import ConsoleView
from mnist_tui.report.listing import print_comparison, print_run, print_runs
from tests.builders import DIGITS, play, progress, run_events, run_state, sweep_events

REPORT_TITLES = [
    "Epochs",
    "Features",
    "Last Epoch Accuracy",
    "Last Epoch Time",
    "Last Val Accuracy",
    "Test Accuracy",
    "Total Training Time",
]
HOSTILE = "[red]no[/red] [/nonsense] \x1b[2J"


def pipe() -> Console:
    return Console(file=io.StringIO(), force_terminal=False)


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None, _environ={})


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def watch(events: list[Event], out: Console, err: Console, total_runs: int = 1, *, as_json: bool = False) -> None:
    state = SessionState()
    with ConsoleView(total_runs, as_json=as_json, out=out, err=err) as view:
        for event in events:
            state.apply(event)
            view.show(event, state)


def logged(*events: Event) -> list[str]:
    """Return the lines that events inside a run of 9 epochs add to the log."""
    err = pipe()
    watch([run_events(spec=RunSpec(epochs=9))[0], *events], pipe(), err)
    return text_of(err).splitlines()[1:]


def two_rows():
    """Return three seeds of one setting and a better, slower one."""
    return build_table(
        [
            run_state(f"run-{s}", spec=RunSpec(epochs=3, seed=s), test_accuracy=0.45 + 0.01 * s, epoch_s=4.0 + s / 10)
            for s in range(3)
        ]
        + [
            run_state(
                f"run-8-{s}",
                spec=RunSpec(epochs=3, features=8, seed=s),
                val_accuracies=(0.7, 0.8, 0.9),
                test_accuracy=0.9,
                epoch_s=9,
            )
            for s in range(2)
        ]
    )


def test_a_pipe_gets_one_plain_line_per_epoch_on_stderr_and_the_table_on_stdout():
    out, err = pipe(), pipe()
    first = run_events("run-1", val_accuracies=(0.30, 0.4211))
    second = run_events("run-2", val_accuracies=(0.40,), spec=RunSpec(epochs=1, seed=1), dataset=DIGITS)
    watch(sweep_events([first[0], progress(1, 50), *first[1:]], second), out, err, total_runs=2)
    assert text_of(err).splitlines() == [
        "[1/2] 2 epochs x 2 features, seed 0  MNIST  cpu  run-1",
        "[1/2] epoch 1/2  loss 1.8000  train 29.00%  val 30.00%      –  4.00 s",
        "[1/2] epoch 2/2  loss 1.7000  train 41.11%  val 42.11% +12.11  4.00 s",
        "[1/2] ✔ finished  val 42.11%  test 45.00%  8 s",
        "[2/2] 1 epoch x 2 features, seed 1  8x8 digits (not MNIST)  cpu  run-2",
        "[2/2] epoch 1/1  loss 1.8000  train 39.00%  val 40.00%      –  4.00 s",
        "[2/2] ✔ finished  val 40.00%  test 45.00%  4 s",
    ]
    assert text_of(out).splitlines()[0].split("  ")[0] == "Epochs"
    assert "Rows of different datasets cannot be compared" in text_of(out)


def test_a_run_that_ends_otherwise_says_where_and_why():
    *_, end = run_events(val_accuracies=(0.2, math.nan), status=Status.DIVERGED, reason=HOSTILE)
    assert logged(end) == [
        "[1/1] ≈ diverged after 2 of 9 epochs  val NaN  test –  8 s  [red]no[/red] [/nonsense] \ufffd[2J"
    ]


def test_pauses_and_changed_epochs_are_logged():
    assert logged(
        RunPaused(run="run-1", epoch=2),
        RunResumed(run="run-1", epoch=2, paused_s=72.0),
        EpochsChanged(run="run-1", epoch=2, epochs=30),
    ) == ["[1/1] ‖ paused in epoch 2", "[1/1] ● running after a pause of 1m12s", "[1/1] now 30 epochs"]


def test_preparations_are_logged_once_each_and_notices_by_their_level():
    err = pipe()
    events = [Preparing(message="Fetching MNIST", fraction=share / 10) for share in range(10)]
    notices = [
        Notice(level="information", message="Digits are used."),
        Notice(level="warning", message=HOSTILE),
        Notice(level="error", message="No data.", exit_code=3),
    ]
    watch([*events, *notices], pipe(), err)
    assert text_of(err).splitlines() == [
        "Fetching MNIST",
        "Digits are used.",
        "warning: [red]no[/red] [/nonsense] \ufffd[2J",
        "error: No data.",
    ]


def test_long_lines_are_not_folded_in_a_pipe():
    err = pipe()
    watch([Notice(level="warning", message="word " * 60)], pipe(), err)
    assert len(text_of(err).splitlines()) == 1


def test_a_sweep_without_a_run_leaves_stdout_empty():
    out = pipe()
    watch([Notice(level="error", message="No data.", exit_code=3), *sweep_events()], out, pipe())
    assert text_of(out) == ""


def test_a_terminal_shows_bars_for_epoch_run_and_queue():
    err = terminal()
    events = run_events(val_accuracies=(0.30, 0.42), spec=RunSpec(epochs=4))
    watch([*events[:3], progress(3, 50)], pipe(), err, total_runs=3)
    text = text_of(err)
    assert "Run 1 of 3  4 epochs x 2 features, seed 0  ● running" in text
    lines = {line.split(" ")[0]: line for line in text.splitlines() if "━" in line}
    assert lines["Epoch"].startswith("Epoch 3/4 ")
    assert "50% training 13.3k img/s" in lines["Epoch"]
    assert "62% 6 s to go" in lines["Run"]
    assert "last epoch: train 41.00%, val 42.00%; best val 42.00% in epoch 2" in text
    assert "[1/3] epoch 2/4" in text, "the log stays above the bars"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_bars_fit_the_terminal(width):
    err = terminal(width)
    watch([Preparing(message="Fetching MNIST " * 10, fraction=0.4), run_events()[0], progress(1, 99)], pipe(), err)
    bars = [line for line in text_of(err).splitlines() if "━" in line or line.startswith("Run ")]
    assert len(bars) >= 4
    assert max(cell_len(line.rpartition("\x1b[2K")[2]) for line in bars) <= width


@pytest.mark.parametrize("last", [2, None], ids=["broken off", "at the end"])
def test_the_cursor_comes_back_after_the_bars(last):
    err = terminal()
    watch(sweep_events(run_events())[:last], pipe(), err)
    text = text_of(err)
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_dumb_terminal_gets_no_control_sequences():
    err = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "dumb"}, color_system=None)
    watch(sweep_events(run_events()), pipe(), err)
    assert "\x1b[?25l" not in text_of(err)
    assert "━" not in text_of(err)


def test_json_is_every_event_and_at_last_the_comparison():
    out, err = pipe(), pipe()
    first = run_events(val_accuracies=(0.2, math.nan), status=Status.DIVERGED, reason=HOSTILE)
    notice = Notice(level="warning", message="Digits are used.")
    events = [notice, *sweep_events([first[0], progress(1, 50), *first[1:]])]
    watch(events, out, err, as_json=True)
    *records, last = [json.loads(line, parse_constant=pytest.fail) for line in text_of(out).splitlines()]
    assert [repr(event_from_json(record)) for record in records] == [repr(event) for event in events]
    assert last["type"] == "comparison"
    assert [row["status"] for row in last["rows"]] == ["diverged at 2/2"]
    assert last["rows"][0]["last_val_accuracy"] == "nan"
    assert text_of(err) == "warning: Digits are used.\n"


def test_json_lines_reach_a_reader_at_once():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb", buffering=0) as lines, os.fdopen(writer, "w") as file:
        state = SessionState()
        notice = Notice(level="information", message="Digits are used.")
        with ConsoleView(1, as_json=True, out=Console(file=file), err=pipe()) as view:
            state.apply(notice)
            view.show(notice, state)
            assert json.loads(lines.read())["message"] == "Digits are used."


def test_data_printed_beside_the_bars_stays_on_stdout(capsys):
    err, state = terminal(), SessionState()
    start = run_events()[0]
    with ConsoleView(1, out=pipe(), err=err) as view:
        state.apply(start)
        view.show(start, state)
        sys.stdout.write("data\n")
    assert capsys.readouterr().out == "data\n"
    assert "data" not in text_of(err)


def test_json_ends_with_an_empty_comparison_where_nothing_ran():
    out = pipe()
    watch([SweepDone(sweep="sweep-1", runs=(), stopped=True)], out, pipe(), as_json=True)
    assert json.loads(text_of(out).splitlines()[-1])["rows"] == []


def test_the_comparison_has_the_report_titles_and_marks_the_best():
    out = pipe()
    print_comparison(two_rows(), out)
    lines = text_of(out).splitlines()
    titles = [title.strip() for title in lines[0].split("  ") if title.strip()]
    assert titles[:7] == REPORT_TITLES
    several, one = ([cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[2:4])
    assert several[5] == "46.00 ± 1.00%"
    assert several[6] == "* 12.30 ± 0.30 s"
    assert one[5] == "* 90.00 ± 0.00%"
    assert "* Best in its column." in lines


def test_the_best_is_bold_on_a_terminal():
    out = Console(file=io.StringIO(), force_terminal=True, width=200, color_system="standard", _environ={})
    print_comparison(two_rows(), out)
    assert re.search(r"\x1b\[1m *\* 90\.00 ± 0\.00%", text_of(out))
    assert not re.search(r"\x1b\[1m *46\.00", text_of(out))


@pytest.mark.parametrize("width", [30, 60, 75, 80, 100, 120, 160, 200])
def test_the_comparison_fits_any_terminal_and_keeps_the_report_columns(width):
    out = terminal(width)
    print_comparison(two_rows(), out)
    text = text_of(out)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    words = text.split()
    for word in ["46.00", "1.00%", "90.00", "0.00%", "12.30", "0.30", "Features", "Seeds", "Total", "finished"]:
        assert word in words, "nothing is cut"


def test_columns_that_gave_way_are_named():
    narrow, wide = terminal(80), terminal(200)
    print_comparison(two_rows(), narrow)
    print_comparison(two_rows(), wide)
    assert "Too narrow for: Best Val Accuracy, Test Loss, Parameters." in text_of(narrow)
    assert "Too narrow" not in text_of(wide)


def test_unfinished_rows_are_marked_and_explained():
    out = pipe()
    print_comparison(build_table([run_state(status=Status.STOPPED, spec=RunSpec(epochs=9))]), out)
    assert "† 9" in text_of(out)
    assert "stopped at 3/9" in text_of(out)
    assert "† Did not finish" in text_of(out)


def past_runs() -> list[RunState]:
    return [
        run_state("20260301-120000-aaaaaa", val_accuracies=(0.30, 0.4211), test_accuracy=0.45),
        run_state("20260301-120100-bbbbbb", val_accuracies=(0.3,), spec=RunSpec(epochs=9), status=Status.STOPPED),
        RunState(run="20260301-120200-cccccc", spec=RunSpec(), status=Status.INTERRUPTED, started_at="then"),
    ]


def test_a_run_of_many_epochs_shows_as_many_as_can_be_read_with_first_last_and_best():
    accuracies = [0.1] * 5000
    accuracies[1234] = 0.9
    run = run_state(spec=RunSpec(epochs=5000), val_accuracies=accuracies)
    out = pipe()
    print_run(run, out=out)
    lines = text_of(out).splitlines()
    epochs = [line.split()[0] if line.split()[0] != "*" else "best" for line in lines if line.rstrip().endswith("/s")]
    assert (epochs[0], epochs[-1]) == ("1", "5000")
    assert "best" in epochs
    assert 500 < len(epochs) <= 1002
    assert f"{len(epochs)} of 5,000 epochs" in text_of(out)


def test_past_runs_are_listed_one_per_line():
    out = pipe()
    print_runs(past_runs(), out=out)
    titles, _, *rows = text_of(out).splitlines()
    assert " ".join(titles.split()) == (
        "Run Started Status Epochs Features Seed Dataset Last Val Accuracy Test Accuracy Total Training Time"
    )
    cells = [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]
    assert [row[0][-6:] for row in cells] == ["aaaaaa", "bbbbbb", "cccccc"]
    assert [row[2] for row in cells] == ["✔ finished", "■ stopped", "! interrupted"]
    assert cells[0][3:] == ["2/2", "2", "0", "mnist", "42.11%", "45.00%", "8 s"]
    assert cells[1][3:] == ["1/9", "2", "0", "mnist", "30.00%", "–", "4 s"]
    assert cells[2][1] == "then"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_list_of_past_runs_fits_any_terminal_and_keeps_whole_ids(width):
    out = terminal(width)
    print_runs(past_runs(), out=out)
    text = text_of(out)
    assert max(map(cell_len, text.splitlines())) <= width
    for run in past_runs():
        assert run.run in text.split()


def test_where_no_id_fits_it_is_broken_but_not_cut():
    out = terminal(24)
    print_runs(past_runs(), out=out)
    cells = "".join(line[10:].strip() for line in text_of(out).splitlines())
    for run in past_runs():
        assert run.run in cells


def test_no_past_runs_say_how_to_start_one():
    out = pipe()
    print_runs([], out=out)
    assert text_of(out) == "No runs yet. Start one with: mnist-tui run\n"


def test_past_runs_for_machines_are_one_object_per_line():
    out = pipe()
    print_runs(past_runs(), as_json=True, out=out)
    records = [json.loads(line) for line in text_of(out).splitlines()]
    assert [record["status"] for record in records] == ["finished", "stopped", "interrupted"]
    assert records[0]["result"]["test_accuracy"] == 0.45
    assert records[1]["epochs_done"] == 1
    assert records[2]["result"] is None
    assert {record["type"] for record in records} == {"run"}


def test_one_run_is_shown_with_settings_machine_epochs_and_result():
    out = pipe()
    print_run(run_state(val_accuracies=(0.30, 0.4211), test_accuracy=0.45), out=out)
    lines = [" ".join(line.split()) for line in text_of(out).splitlines()]
    for line in [
        "Status ✔ finished",
        "Epochs 2 of 2",
        "Learning rate 0.001",
        "Dataset MNIST: 50,000 / 10,000 / 10,000 training, validation and test images",
        "Device Example CPU: cpu, 2 threads",
        "Versions torch 2.14.0, torchvision 0.29.2",
        "Best Val Accuracy 42.11% in epoch 2",
        "Test Accuracy 45.00%",
        "Total Training Time 8 s",
        "1 1.8000 29.00% 1.7000 30.00% – – 4.00 s 13.3k img/s",
        "* 2 1.7000 41.11% 1.6000 42.11% +12.11 17.3% 4.00 s 13.3k img/s",
    ]:
        assert line in lines


def test_text_from_outside_is_shown_as_it_is():
    out = pipe()
    hostile = run_state(dataset=replace(DIGITS, label=HOSTILE, name=HOSTILE), status=Status.FAILED, reason=HOSTILE)
    print_run(hostile, out=out)
    print_runs([hostile], out=out)
    print_comparison(build_table([hostile]), out)
    assert text_of(out).count("[red]no[/red] [/nonsense] \ufffd[2J") == 5
    assert "\x1b" not in text_of(out)


def test_one_run_for_machines_holds_its_epochs():
    out = pipe()
    run = run_state(val_accuracies=(0.2, math.nan), status=Status.DIVERGED)
    print_run(run, as_json=True, out=out)
    record = json.loads(text_of(out), parse_constant=pytest.fail)
    assert [repr(event_from_json(e)) for e in record["history"]] == [repr(e) for e in run.history]
    assert record["history"][1]["values"]["val_accuracy"] == "nan"
    assert record["marks"] == []


def test_the_view_shows_what_the_state_holds_and_changes_nothing():
    events = sweep_events(run_events())
    state = SessionState()
    with ConsoleView(1, out=pipe(), err=terminal()) as view:
        for event in events:
            state.apply(event)
            view.show(event, state)
    assert state == play(events)
