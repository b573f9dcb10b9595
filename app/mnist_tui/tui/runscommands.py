"""The commands of the Runs tab."""

from __future__ import annotations

from typing import Final

from mnist_tui.tui.command import Command

RUNS: Final = "Runs tab"

RUNS_TAB: Final = (
    Command("mark", "space", "Mark", "Mark a run: marked runs share the chart and are the ones exported.", RUNS),
    Command("open", "enter", "Open", "Open the run under the cursor in the Live tab; Esc goes back.", RUNS),
    Command("sort", "s", "Sort", "Sort the table by its next column; you can also click a heading.", RUNS),
    Command("reverse", "S", "Reverse the order", "Reverse the order of the table.", RUNS, short="Reverse"),
    Command(
        "resume",
        "g",
        "Resume",
        "Resume this run without starting the queue; a finished run is extended to the epochs in the settings line.",
        RUNS,
    ),
    Command(
        "retry",
        "l",
        "Retry with a lower rate",
        "Train these settings again, alone, with a tenth of the learning rate; asks unless the run diverged.",
        RUNS,
        short="Retry",
    ),
    Command(
        "filter",
        "slash",
        "Filter",
        "Show only matching runs, such as features=8 val>90 not failed; Esc shows all again.",
        RUNS,
    ),
    Command(
        "group",
        "G",
        "Group",
        "Group runs as last time, by default those that differ only in their seed; Enter collapses a group.",
        RUNS,
    ),
    Command(
        "view",
        "V",
        "Views…",
        "Choose a saved view of the runs, or what to filter, group, sort, list and plot, and save it by name.",
        RUNS,
        short="View…",
    ),
    Command(
        "plot",
        "A",
        "Plot",
        "Plot the runs as curves, as a scatter of a setting against a result, or as parallel coordinates.",
        RUNS,
    ),
    Command("label", "a", "Name, tags, note", "Give the run a name, tags and a note.", RUNS, short="Name"),
    Command(
        "compare",
        "C",
        "Compare marked runs",
        "Show the marked runs side by side: settings that differ, results, curves, time to an accuracy.",
        RUNS,
        short="Compare",
    ),
    Command(
        "remove",
        "delete",
        "Delete",
        "Remove a waiting run from the queue, or delete the marked or chosen runs after a confirmation.",
        RUNS,
    ),
    Command(
        "advance(-1)",
        "ctrl+up",
        "Earlier in the queue",
        "Move the waiting run under the cursor to an earlier place in the queue.",
        RUNS,
        short="Earlier",
    ),
    Command(
        "advance(1)",
        "ctrl+down",
        "Later in the queue",
        "Move the waiting run under the cursor to a later place in the queue.",
        RUNS,
        short="Later",
    ),
    Command("undelete", "Z", "Restore", "Restore the most recently deleted runs.", RUNS),
    Command(
        "report",
        "W",
        "Write a report",
        "Write an HTML report on the marked runs, or on the one under the cursor.",
        RUNS,
        short="Report",
    ),
)
