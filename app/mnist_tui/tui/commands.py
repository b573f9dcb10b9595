"""Every user action, declared once: keys, footer, palette, help screen and the README's table come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do.

    Attributes:
        action: Name of the app's `action_` method, with its arguments.
        key: Key or keys, comma separated, as Textual names them.
        label: The key as people read it.
        title: One or two words for footer and palette.
        help: One sentence: what it does and when it takes effect.
        group: Heading on the help screen.
        footer: Place in the footer, from 1; 0 for those that it has no room for.
    """

    action: str
    key: str
    label: str
    title: str
    help: str
    group: str
    footer: int = 0

    @property
    def name(self) -> str:
        """The action without its arguments."""
        return self.action.partition("(")[0]

    @property
    def binding(self) -> Binding:
        """The Textual binding for this command."""
        identity = self.action.replace("('", ".").replace("')", "").replace("(", ".").replace(")", "")
        return Binding(
            self.key,
            self.action,
            self.title,
            show=False,
            key_display=self.label,
            tooltip=self.help,
            id=identity,
        )


_TRAIN: Final = "Training"
_NEXT: Final = "Settings of the next run"
_VIEW: Final = "Looking"
_LEARNED: Final = "Errors and Features tabs"
_RUNS: Final = "Runs tab"
_APP: Final = "Program"

COMMANDS: Final = (
    Command(
        "start",
        "r",
        "r",
        "Start",
        "Start the waiting runs; with none waiting, the settings shown.",
        _TRAIN,
        footer=3,
    ),
    Command("enqueue", "n", "n", "Queue", "Add a run with the settings shown to the queue.", _TRAIN, footer=10),
    Command(
        "report_preset",
        "t",
        "t",
        "Report",
        "Queue and start the report's two runs: 10 and 20 epochs, 2 features.",
        _TRAIN,
        footer=4,
    ),
    Command(
        "new_runs", "N", "N", "New runs…", "Form for a grid of epochs x features x seeds, and all settings.", _TRAIN
    ),
    Command(
        "pause", "p", "p", "Pause", "Hold the run before its next batch, or let it go on; at once.", _TRAIN, footer=5
    ),
    Command(
        "stop",
        "x",
        "x",
        "Stop",
        "End the run after this batch and keep its finished epochs; waiting runs stay waiting.",
        _TRAIN,
        footer=6,
    ),
    Command("skip", "k", "k", "Skip", "End the run after this batch and go on with the next one waiting.", _TRAIN),
    Command("live_epochs(1)", "plus", "+", "More epochs", "One epoch more for the run in progress; at once.", _TRAIN),
    Command(
        "live_epochs(-1)", "minus", "-", "Fewer epochs", "One epoch less for the run in progress; at once.", _TRAIN
    ),
    Command("epochs(1)", "e", "e", "Epochs", "More epochs; takes effect with the next run.", _NEXT, footer=7),
    Command("epochs(-1)", "w", "w", "Epochs -", "Fewer epochs; takes effect with the next run.", _NEXT),
    Command("type_epochs", "E", "E", "Type epochs", "Type any number of epochs for the next run.", _NEXT),
    Command("features(1)", "f", "f", "Features", "More features (2, 4, 8 … 64); with the next run.", _NEXT, footer=8),
    Command("features(-1)", "d", "d", "Features -", "Fewer features; takes effect with the next run.", _NEXT),
    Command(
        "type_features", "F", "F", "Type features", "Type any number of features, 1 to 512, for the next run.", _NEXT
    ),
    Command("tab('live')", "1", "1", "Live", "Show the run in progress, or the one that is open.", _VIEW),
    Command("tab('runs')", "2", "2", "Runs", "Show queue, past runs, comparison and their curves.", _VIEW),
    Command("tab('errors')", "3", "3", "Errors", "Show which classes are taken for which, with the images.", _VIEW),
    Command("tab('features')", "4", "4", "Features", "Show where the images lie in the network's bottleneck.", _VIEW),
    Command("tab('draw')", "5", "5", "Draw", "Draw a digit and see what the network makes of it.", _VIEW),
    Command(
        "scale",
        "y",
        "y",
        "Scale",
        "Show accuracy on a linear scale, or error on a log scale.",
        _VIEW,
        footer=11,
    ),
    Command(
        "next_chart",
        "c",
        "c",
        "Other pane",
        "Show the next chart, table or image of the tab, where there is no room for all.",
        _VIEW,
    ),
    Command("zoom", "z", "z", "Zoom", "Show the focused pane alone; again or Esc to go back.", _VIEW),
    Command("theme", "v", "v", "Theme", "Next theme; the palette (Ctrl+P) lists all.", _VIEW),
    Command("epoch(-1)", "comma", ",", "Earlier", "Show what the network had learned an epoch earlier.", _LEARNED),
    Command(
        "epoch(1)", "full_stop", ".", "Later", "Show an epoch later; after the last one, follow training.", _LEARNED
    ),
    Command("film", "o", "o", "Film", "Play the epochs one after the other, or hold.", _LEARNED),
    Command(
        "matrix_view",
        "i",
        "i",
        "Matrix",
        "Errors: images, per cent, or the change since the epoch before or against the first marked run.",
        _LEARNED,
    ),
    Command(
        "mark", "space", "Space", "Mark", "Mark a run: marked runs share the chart and are what is exported.", _RUNS
    ),
    Command("open", "enter", "Enter", "Open", "Open the run under the cursor in the Live tab; Esc goes back.", _RUNS),
    Command("sort", "s", "s", "Sort", "Sort the table by its next column; a click on a heading does it too.", _RUNS),
    Command("reverse", "S", "S", "Reverse", "Turn the order of the table round.", _RUNS),
    Command(
        "resume",
        "g",
        "g",
        "Go on",
        "Go on with a run where it ended, alone; a finished one gets as many epochs as the settings say.",
        _RUNS,
    ),
    Command(
        "retry",
        "l",
        "l",
        "Retry",
        "Train the run's settings again, alone, with a tenth of its learning rate; asks unless it diverged.",
        _RUNS,
    ),
    Command("remove", "delete", "Del", "Remove", "Take the run under the cursor out of the queue.", _RUNS),
    Command(
        "export",
        "u",
        "u",
        "Export",
        "Save the comparison of the marked runs, or of all, as Markdown, CSV, JSON, LaTeX and HTML.",
        _APP,
        footer=9,
    ),
    Command("help", "question_mark,f1", "?", "Help", "Show this help.", _APP, footer=1),
    Command("command_palette", "ctrl+p", "Ctrl+P", "Palette", "Find any of these by name.", _APP),
    Command("suspend_process", "ctrl+z", "Ctrl+Z", "Shell", "Give the shell back until `fg`; training holds.", _APP),
    Command("quit", "q", "q", "Quit", "Leave; asks first when a run is live.", _APP, footer=2),
)


TABS_OF: Final = {
    **dict.fromkeys(("open", "mark", "resume", "retry", "sort", "reverse", "remove"), ("runs-pane",)),
    **dict.fromkeys(("epoch", "film"), ("errors", "features")),
    "matrix_view": ("errors",),
}
"""The tabs that an action needs, by its name; all others can be done anywhere."""
LIVE_ACTIONS: Final = frozenset({"pause", "stop", "skip", "live_epochs"})
"""What needs a live run."""


OWN_ACTIONS: Final = frozenset(command.name for command in COMMANDS) - {"quit", "command_palette"}
"""What a dialog keeps from the app."""


def key_table() -> str:
    """Return all keys as a Markdown table, for the README."""
    lines = ["| Key | Does |", "| --- | --- |"]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(f"| | **{group}** |")
        lines += [f"| `{c.label}` | {c.help} |" for c in COMMANDS if c.group == group]
    return "\n".join(lines)
