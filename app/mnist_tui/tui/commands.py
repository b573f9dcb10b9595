"""All commands, declared once: keys, footer, palette, help screen and docs/keys.md are generated from here."""

from __future__ import annotations

from typing import Final

from mnist_tui.tui.command import Command

_TRAIN: Final = "Training"
_NEXT: Final = "Settings of the next run"
_VIEW: Final = "View"
_CHARTS: Final = "Charts"
LEARNED: Final = "Errors and Features tabs"
RUNS: Final = "Runs tab"
_APP: Final = "Program"

COMMANDS: Final = (
    Command("start", "r", "r", "Start", "Start the waiting runs, or else a run with the settings shown.", _TRAIN),
    Command("enqueue", "n", "n", "Queue", "Add a run with the settings shown to the queue.", _TRAIN),
    Command(
        "report_preset",
        "t",
        "t",
        "Train the report's two runs",
        "Queue and start the report's two runs: 10 and 20 epochs, 2 features.",
        _TRAIN,
        short="Report",
    ),
    Command(
        "new_runs",
        "N",
        "N",
        "New runs…",
        "Open a form for a grid of epochs x features x seeds, and for all settings.",
        _TRAIN,
        short="New…",
    ),
    Command("pause", "p", "p", "Pause", "Pause the run before its next batch, or resume it.", _TRAIN),
    Command(
        "stop",
        "x",
        "x",
        "Stop",
        "Stop the run after this batch; asks first if much of an epoch would be lost.",
        _TRAIN,
    ),
    Command(
        "skip",
        "K",
        "K",
        "Skip to the next run",
        "Stop the run and start the next one in the queue.",
        _TRAIN,
        short="Skip",
    ),
    Command(
        "jobs",
        "J",
        "J",
        "Parallel runs",
        "Train one more run in parallel (its own process, one thread); wraps to 1 after the number of cores.",
        _TRAIN,
    ),
    Command(
        "detach",
        "D",
        "D",
        "Detach",
        "Hand the run and the queue to a process that outlives this terminal, and keep watching.",
        _TRAIN,
    ),
    Command(
        "live_epochs(1)",
        "plus",
        "+",
        "This run: one epoch more",
        "Add one epoch to the current run, immediately.",
        _TRAIN,
        short="Epochs of this run",
    ),
    Command(
        "live_epochs(-1)",
        "minus",
        "-",
        "This run: one epoch fewer",
        "Take one epoch away from the current run, immediately.",
        _TRAIN,
    ),
    Command(
        "live_rate",
        "R",
        "R",
        "This run: learning rate",
        "Change the learning rate of the current run from its next epoch on.",
        _TRAIN,
        short="Rate",
    ),
    Command(
        "save",
        "P",
        "P",
        "This run: save now",
        "Save the state of a script's run at its next step, so that it can be resumed from there.",
        _TRAIN,
        short="Save",
    ),
    Command(
        "epochs(1)",
        "e,right_square_bracket",
        "e",
        "Next run: more epochs",
        "More epochs for the next run; same as ].",
        _NEXT,
        short="Epochs",
    ),
    Command(
        "epochs(-1)",
        "w,left_square_bracket",
        "w",
        "Next run: fewer epochs",
        "Fewer epochs for the next run; same as [.",
        _NEXT,
    ),
    Command("type_epochs", "E", "E", "Next run: type epochs", "Type any number of epochs for the next run.", _NEXT),
    Command(
        "features(1)",
        "f,greater_than_sign",
        "f",
        "Next run: more features",
        "More features for the next run (2, 4, 8 … 64); same as >.",
        _NEXT,
        short="Features",
    ),
    Command(
        "features(-1)",
        "d,less_than_sign",
        "d",
        "Next run: fewer features",
        "Fewer features for the next run; same as <.",
        _NEXT,
    ),
    Command(
        "type_features",
        "F",
        "F",
        "Next run: type features",
        "Type any number of features, 1 to 512, for the next run.",
        _NEXT,
    ),
    Command(
        "settings",
        "b",
        "b",
        "Next run: all settings",
        "Focus the settings line: ← → select a setting, ↑ ↓ change it, Esc goes back.",
        _NEXT,
        short="Settings",
    ),
    Command(
        "find_rate",
        "M",
        "M",
        "Next run: find a learning rate",
        "Briefly train new networks with a rising learning rate, and suggest a rate for the next run.",
        _NEXT,
        short="Find rate",
    ),
    Command("tab('live')", "1", "1", "Live", "Show the current run, or the one you opened.", _VIEW),
    Command("tab('runs')", "2", "2", "Runs", "Show the queue, past runs, their comparison and curves.", _VIEW),
    Command("tab('errors')", "3", "3", "Errors", "Show which classes are confused, with the images.", _VIEW),
    Command("tab('features')", "4", "4", "Features", "Show where the images lie in the network's bottleneck.", _VIEW),
    Command("tab('draw')", "5", "5", "Draw", "Draw a digit and see what the network makes of it.", _VIEW),
    Command(
        "layers",
        "I",
        "I",
        "Layers",
        "Show the layers of the run's network: output, parameters, share of the time.",
        _VIEW,
    ),
    Command(
        "next_run(1)",
        "right_parenthesis",
        ")",
        "Next live run",
        "Show the next live run, here or in another process.",
        _VIEW,
        short="Run",
    ),
    Command(
        "next_run(-1)",
        "left_parenthesis",
        "(",
        "Previous live run",
        "Show the previous live run.",
        _VIEW,
        short="Run",
    ),
    Command("move(1)", "j", "j", "Down", "Move down in a table or list, like the arrow key.", _VIEW),
    Command("move(-1)", "k", "k", "Up", "Move up in a table or list, like the arrow key.", _VIEW),
    Command(
        "next_chart",
        "c",
        "c",
        "Other pane",
        "Show the tab's next chart, table or image when they do not all fit.",
        _VIEW,
    ),
    Command("zoom", "z", "z", "Zoom", "Show the focused pane alone; press it again, or Esc, to go back.", _VIEW),
    Command(
        "theme",
        "v",
        "v",
        "Theme",
        "Next theme, including high-contrast and colour-blind-safe ones; the palette (Ctrl+P) lists all.",
        _VIEW,
    ),
    Command("dots", "B", "B", "Curve style", "Draw curves in braille, half blocks or ASCII.", _VIEW, "Dots"),
    Command(
        "cursor(1)",
        "right",
        "→",
        "Cursor to the next epoch",
        "Move the cursor of all charts by one epoch, with Shift by ten; the legends show its values.",
        _CHARTS,
        short="Cursor",
    ),
    Command("cursor(-1)", "left", "←", "Cursor to the previous epoch", "Back by one epoch.", _CHARTS, short="Cursor"),
    Command("cursor(10)", "shift+right", "Shift+→", "Cursor ten epochs forward", "Forward by ten epochs.", _CHARTS),
    Command("cursor(-10)", "shift+left", "Shift+←", "Cursor ten epochs back", "Back by ten epochs.", _CHARTS),
    Command(
        "chart_zoom(1)",
        "shift+up",
        "Shift+↑",
        "Zoom in",
        "Zoom in around the cursor or the newest epoch; the mouse wheel does it too.",
        _CHARTS,
    ),
    Command("chart_zoom(-1)", "shift+down", "Shift+↓", "Zoom out", "Show more of the axis.", _CHARTS),
    Command(
        "chart_pan(1)",
        "ctrl+right",
        "Ctrl+→",
        "Pan right",
        "Pan to later epochs; at the end the charts follow the newest one.",
        _CHARTS,
    ),
    Command("chart_pan(-1)", "ctrl+left", "Ctrl+←", "Pan left", "Pan to earlier epochs.", _CHARTS),
    Command("whole", "0", "0", "Show all", "Show the whole chart without a cursor, as Esc does.", _CHARTS),
    Command(
        "scale",
        "y",
        "y",
        "Scale",
        "Next scale: linear, error on a log axis, log, or fixed from 0 to 100%.",
        _CHARTS,
    ),
    Command("x_axis", "X", "X", "x axis", "Show epochs, seconds or steps on the x axis.", _CHARTS),
    Command("smooth", "m", "m", "Smooth", "Smooth the curves lightly, strongly, or not at all.", _CHARTS),
    Command(
        "epoch(-1)",
        "comma",
        ",",
        "Earlier epoch",
        "Show the previous epoch.",
        LEARNED,
        short="Epoch",
    ),
    Command(
        "epoch(1)",
        "full_stop",
        ".",
        "Later epoch",
        "Show the next epoch; after the last one, follow training.",
        LEARNED,
    ),
    Command("film", "o", "o", "Play the epochs", "Play the epochs as a film, or pause it.", LEARNED, short="Play"),
    Command(
        "matrix_view",
        "i",
        "i",
        "Matrix view",
        "Errors: counts, percentages, or the change since the previous epoch or against the first marked run.",
        LEARNED,
        short="Matrix",
    ),
    Command(
        "open_image",
        "O",
        "O",
        "Open an image…",
        "Open an image file in the Draw tab, convert it to the format of the run's images, and classify it.",
        LEARNED,
        short="Open image",
    ),
    Command(
        "mark", "space", "Space", "Mark", "Mark a run: marked runs share the chart and are the ones exported.", RUNS
    ),
    Command("open", "enter", "Enter", "Open", "Open the run under the cursor in the Live tab; Esc goes back.", RUNS),
    Command("sort", "s", "s", "Sort", "Sort the table by its next column; you can also click a heading.", RUNS),
    Command("reverse", "S", "S", "Reverse the order", "Reverse the order of the table.", RUNS, short="Reverse"),
    Command(
        "resume",
        "g",
        "g",
        "Resume",
        "Resume this run without starting the queue; a finished run is extended to the epochs in the settings line.",
        RUNS,
    ),
    Command(
        "retry",
        "l",
        "l",
        "Retry with a lower rate",
        "Train these settings again, alone, with a tenth of the learning rate; asks unless the run diverged.",
        RUNS,
        short="Retry",
    ),
    Command(
        "filter",
        "slash",
        "/",
        "Filter",
        "Show only matching runs, such as features=8 val>90 not failed; Esc shows all again.",
        RUNS,
    ),
    Command(
        "group",
        "G",
        "G",
        "Group",
        "Group runs as last time, by default those that differ only in their seed; Enter collapses a group.",
        RUNS,
    ),
    Command(
        "view",
        "V",
        "V",
        "Views…",
        "Choose a saved view of the runs, or what to filter, group, sort, list and plot, and save it by name.",
        RUNS,
        short="View…",
    ),
    Command(
        "plot",
        "A",
        "A",
        "Plot",
        "Plot the runs as curves, as a scatter of a setting against a result, or as parallel coordinates.",
        RUNS,
    ),
    Command("label", "a", "a", "Name, tags, note", "Give the run a name, tags and a note.", RUNS, short="Name"),
    Command(
        "compare",
        "C",
        "C",
        "Compare marked runs",
        "Show the marked runs side by side: settings that differ, results, curves, time to an accuracy.",
        RUNS,
        short="Compare",
    ),
    Command(
        "remove",
        "delete",
        "Del",
        "Delete",
        "Remove a waiting run from the queue, or delete the marked or chosen runs after a confirmation.",
        RUNS,
    ),
    Command(
        "advance(-1)",
        "ctrl+up",
        "Ctrl+↑",
        "Earlier in the queue",
        "Move the waiting run under the cursor to an earlier place in the queue.",
        RUNS,
        short="Earlier",
    ),
    Command(
        "advance(1)",
        "ctrl+down",
        "Ctrl+↓",
        "Later in the queue",
        "Move the waiting run under the cursor to a later place in the queue.",
        RUNS,
        short="Later",
    ),
    Command("undelete", "Z", "Z", "Restore", "Restore the most recently deleted runs.", RUNS),
    Command(
        "export",
        "u",
        "u",
        "Export",
        "Save the comparison of the marked runs, or of those shown, as Markdown, CSV, JSON, LaTeX and HTML.",
        _APP,
    ),
    Command(
        "report",
        "W",
        "W",
        "Write a report",
        "Write an HTML report on the marked runs, or on the one under the cursor.",
        RUNS,
        short="Report",
    ),
    Command(
        "copy",
        "Y",
        "Y",
        "Copy",
        "Copy to the clipboard: in the Runs tab the comparison, elsewhere the epochs of the run.",
        _APP,
    ),
    Command("log", "L", "L", "Log", "Show past notices, and captured prints and warnings.", _APP),
    Command("help", "question_mark,f1", "?", "Help", "Show this help.", _APP),
    Command(
        "command_palette", "ctrl+p,colon", "Ctrl+P", "Palette", "Find any command by name; so does the colon.", _APP
    ),
    Command("suspend_process", "ctrl+z", "Ctrl+Z", "Shell", "Return to the shell until `fg`; training pauses.", _APP),
    Command("quit", "q", "q", "Quit", "Quit; asks first if a run is in progress.", _APP),
)


OWN_ACTIONS: Final = frozenset(command.name for command in COMMANDS) - {"quit", "command_palette"}
"""Actions disabled while a dialog is open."""


def key_table() -> str:
    """Return all keys as a Markdown table, for docs/keys.md."""
    lines = ["| Key | Does | Name |", "| --- | --- | --- |"]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(f"| | **{group}** | |")
        lines += [f"| `{c.label}` | {c.help} | `{c.action}` |" for c in COMMANDS if c.group == group]
    return "\n".join(lines)


def why_not_opened(name: str) -> str:
    """Return why an action does not work on the runs of other tools, as a sentence; empty if it works."""
    group = next((command.group for command in COMMANDS if command.name == name), "")
    if group in (_TRAIN, _NEXT) or name in ("resume", "retry"):
        return "Other tools' runs are only shown here. Start `mnist-tui` to train."
    if name in ("label", "remove", "undelete"):
        return "Other tools' runs are not changed here. `mnist-tui import` copies them; name and delete the copies."
    return ""
