"""All commands, each declared once: keys, footer, palette, help screen and docs/keys.md are generated from here."""

from __future__ import annotations

from typing import Final

from mnist_tui.tui.command import Command
from mnist_tui.tui.runscommands import RUNS_TAB

TRAIN: Final = "Training"
NEXT: Final = "Settings of the next run"
_VIEW: Final = "View"
_CHARTS: Final = "Charts"
LEARNED: Final = "Errors and Features tabs"
_APP: Final = "Program"

COMMANDS: Final = (
    Command("start", "r", "Start", "Start the waiting runs, or else a run with the settings shown.", TRAIN),
    Command("enqueue", "n", "Queue", "Add a run with the settings shown to the queue.", TRAIN),
    Command(
        "report_preset",
        "t",
        "Train the report's two runs",
        "Queue and start the report's two runs: 10 and 20 epochs, 2 features.",
        TRAIN,
        short="Report",
    ),
    Command(
        "new_runs",
        "N",
        "New runs…",
        "Open a form for a grid of epochs x features x seeds, and for all settings.",
        TRAIN,
        short="New…",
    ),
    Command("pause", "p", "Pause", "Pause the run before its next batch, or resume it.", TRAIN),
    Command("stop", "x", "Stop", "Stop the run after this batch; asks first if much of an epoch would be lost.", TRAIN),
    Command(
        "skip", "K", "Skip to the next run", "Stop the run and start the next one in the queue.", TRAIN, short="Skip"
    ),
    Command(
        "jobs",
        "J",
        "Parallel runs",
        "Train one more run in parallel (its own process, one thread); wraps to 1 after the number of cores.",
        TRAIN,
    ),
    Command(
        "detach",
        "D",
        "Detach",
        "Hand the run and the queue to a process that outlives this terminal, and keep watching.",
        TRAIN,
    ),
    Command(
        "live_epochs(1)",
        "plus",
        "This run: one epoch more",
        "Add one epoch to the current run, immediately.",
        TRAIN,
        short="Epochs of this run",
    ),
    Command(
        "live_epochs(-1)",
        "minus",
        "This run: one epoch fewer",
        "Take one epoch away from the current run, immediately.",
        TRAIN,
    ),
    Command(
        "live_rate",
        "R",
        "This run: learning rate",
        "Change the learning rate of the current run from its next epoch on.",
        TRAIN,
        short="Rate",
    ),
    Command(
        "save",
        "P",
        "This run: save now",
        "Save the state of a script's run at its next step, so that it can be resumed from there.",
        TRAIN,
        short="Save",
    ),
    Command(
        "epochs(1)",
        "e,right_square_bracket",
        "Next run: more epochs",
        "More epochs for the next run; same as ].",
        NEXT,
        short="Epochs",
    ),
    Command(
        "epochs(-1)",
        "w,left_square_bracket",
        "Next run: fewer epochs",
        "Fewer epochs for the next run; same as [.",
        NEXT,
    ),
    Command("type_epochs", "E", "Next run: type epochs", "Type any number of epochs for the next run.", NEXT),
    Command(
        "features(1)",
        "f,greater_than_sign",
        "Next run: more features",
        "More features for the next run (2, 4, 8 … 64); same as >.",
        NEXT,
        short="Features",
    ),
    Command(
        "features(-1)",
        "d,less_than_sign",
        "Next run: fewer features",
        "Fewer features for the next run; same as <.",
        NEXT,
    ),
    Command(
        "type_features",
        "F",
        "Next run: type features",
        "Type any number of features, 1 to 512, for the next run.",
        NEXT,
    ),
    Command(
        "settings",
        "b",
        "Next run: all settings",
        "Focus the settings line: ← → select a setting, ↑ ↓ change it, Esc goes back.",
        NEXT,
        short="Settings",
    ),
    Command(
        "find_rate",
        "M",
        "Next run: find a learning rate",
        "Briefly train new networks with a rising learning rate, and suggest a rate for the next run.",
        NEXT,
        short="Find rate",
    ),
    Command("tab('live')", "1", "Live", "Show the current run, or the one you opened.", _VIEW),
    Command("tab('runs')", "2", "Runs", "Show the queue, past runs, their comparison and curves.", _VIEW),
    Command("tab('errors')", "3", "Errors", "Show which classes are confused, with the images.", _VIEW),
    Command("tab('features')", "4", "Features", "Show where the images lie in the network's bottleneck.", _VIEW),
    Command("tab('draw')", "5", "Draw", "Draw a digit and see what the network makes of it.", _VIEW),
    Command(
        "layers", "I", "Layers", "Show the layers of the run's network: output, parameters, share of the time.", _VIEW
    ),
    Command(
        "next_run(1)",
        "right_parenthesis",
        "Next live run",
        "Show the next live run, here or in another process.",
        _VIEW,
        short="Run",
    ),
    Command("next_run(-1)", "left_parenthesis", "Previous live run", "Show the previous live run.", _VIEW, short="Run"),
    Command("move(1)", "j", "Down", "Move down in a table or list, like the arrow key.", _VIEW),
    Command("move(-1)", "k", "Up", "Move up in a table or list, like the arrow key.", _VIEW),
    Command(
        "next_chart", "c", "Other pane", "Show the tab's next chart, table or image when they do not all fit.", _VIEW
    ),
    Command("zoom", "z", "Zoom", "Show the focused pane alone; press it again, or Esc, to go back.", _VIEW),
    Command(
        "theme",
        "v",
        "Theme",
        "Next theme, including high-contrast and colour-blind-safe ones; the palette (Ctrl+P) lists all.",
        _VIEW,
    ),
    Command("dots", "B", "Curve style", "Draw curves in braille, half blocks or ASCII.", _VIEW, "Dots"),
    Command(
        "cursor(1)",
        "right",
        "Cursor to the next epoch",
        "Move the cursor of all charts by one epoch, with Shift by ten; the legends show its values.",
        _CHARTS,
        short="Cursor",
    ),
    Command("cursor(-1)", "left", "Cursor to the previous epoch", "Back by one epoch.", _CHARTS, short="Cursor"),
    Command("cursor(10)", "shift+right", "Cursor ten epochs forward", "Forward by ten epochs.", _CHARTS),
    Command("cursor(-10)", "shift+left", "Cursor ten epochs back", "Back by ten epochs.", _CHARTS),
    Command(
        "chart_zoom(1)",
        "shift+up",
        "Zoom in",
        "Zoom in around the cursor or the newest epoch; the mouse wheel does it too.",
        _CHARTS,
    ),
    Command("chart_zoom(-1)", "shift+down", "Zoom out", "Show more of the axis.", _CHARTS),
    Command(
        "chart_pan(1)",
        "ctrl+right",
        "Pan right",
        "Pan to later epochs; at the end the charts follow the newest one.",
        _CHARTS,
    ),
    Command("chart_pan(-1)", "ctrl+left", "Pan left", "Pan to earlier epochs.", _CHARTS),
    Command("whole", "0", "Show all", "Show the whole chart without a cursor, as Esc does.", _CHARTS),
    Command("scale", "y", "Scale", "Next scale: linear, error on a log axis, log, or fixed from 0 to 100%.", _CHARTS),
    Command("x_axis", "X", "x axis", "Show epochs, seconds or steps on the x axis.", _CHARTS),
    Command("smooth", "m", "Smooth", "Smooth the curves lightly, strongly, or not at all.", _CHARTS),
    Command("epoch(-1)", "comma", "Earlier epoch", "Show the previous epoch.", LEARNED, short="Epoch"),
    Command(
        "epoch(1)", "full_stop", "Later epoch", "Show the next epoch; after the last one, follow training.", LEARNED
    ),
    Command("film", "o", "Play the epochs", "Play the epochs as a film, or pause it.", LEARNED, short="Play"),
    Command(
        "matrix_view",
        "i",
        "Matrix view",
        "Errors: counts, percentages, or the change since the previous epoch or against the first marked run.",
        LEARNED,
        short="Matrix",
    ),
    Command(
        "open_image",
        "O",
        "Open an image…",
        "Open an image file in the Draw tab, convert it to the format of the run's images, and classify it.",
        LEARNED,
        short="Open image",
    ),
    *RUNS_TAB,
    Command(
        "export",
        "u",
        "Export",
        "Save the comparison of the marked runs, or of those shown, as Markdown, CSV, JSON, LaTeX and HTML.",
        _APP,
    ),
    Command(
        "copy",
        "Y",
        "Copy",
        "Copy to the clipboard: in the Runs tab the comparison, elsewhere the epochs of the run.",
        _APP,
    ),
    Command("log", "L", "Log", "Show past notices, and captured prints and warnings.", _APP),
    Command("help", "question_mark,f1", "Help", "Show this help.", _APP),
    Command("command_palette", "ctrl+p,colon", "Palette", "Find any command by name; so does the colon.", _APP),
    Command("suspend_process", "ctrl+z", "Shell", "Return to the shell until `fg`; training pauses.", _APP),
    Command("quit", "q", "Quit", "Quit; asks first if a run is in progress.", _APP),
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
