"""What the app knows from the last time and keeps for the next: theme, view, settings, keys, runs left undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from textual.app import App

from mnist_tui.core.events import Status
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime import preferences
from mnist_tui.tui.commands import COMMANDS, Command
from mnist_tui.tui.keymap import rebound
from mnist_tui.tui.themes import OWN_THEMES
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.workspace import Workspace


class Remembering:
    """Takes preferences over at the start, and writes them down when they change.

    Args:
        app: Whose theme and keys these are.
        ui: Its screen.
        work: What the app works with.

    Attributes:
        commands: All commands, with their keys.
    """

    def __init__(self, app: App[None], ui: Ui, work: Workspace) -> None:
        self._app, self._ui, self._work = app, ui, work
        self.commands: tuple[Command, ...]
        self.commands, clashes = rebound(work.preferences.keys)
        self._complaints = [*work.complaints, *clashes]

    def begin(self) -> None:
        """Use what is remembered, and say what of it cannot be used."""
        app, work = self._app, self._work
        for theme in OWN_THEMES:
            app.register_theme(theme)
        if work.preferences.theme in app.available_themes:
            app.theme = work.preferences.theme
        else:
            self._complaints.append(f"{preferences.FILE}: there is no theme {work.preferences.theme!r}.")
        usual = {command.action: command.key for command in COMMANDS}
        if changed := {c.identity: c.key for c in self.commands if c.key != usual[c.action]}:
            app.set_keymap(changed)
        if work.session.may_choose_jobs:
            work.session.jobs = work.preferences.jobs
        for complaint in self._complaints:
            self._ui.tell(complaint, severity="warning", subject=complaint, long=True)

    def keep(self) -> None:
        """Write down what the next start should know, where that is new; a file that is broken is left alone."""
        work = self._work
        now = replace(work.preferences, theme=self._app.theme, look=work.charts.look.whole(), spec=work.spec)
        now = replace(now, jobs=work.session.jobs)
        if now == work.preferences:
            return
        work.preferences = now
        if self._complaints or not work.home.is_dir():
            return
        try:
            preferences.save(work.home, now)
        except MnistTuiError as error:
            # On the way out there is no screen left to say it on.
            if self._app.is_running:
                self._ui.tell(str(error), severity="error", long=True)

    def welcome_back(self) -> None:
        """Take over what an earlier session left undone, and say so."""
        waiting = self._work.attempt(self._work.session.adopt) if self._work.library.has_store else 0
        for subject, message in left_undone(self._work, waiting or 0):
            self._ui.tell(message, subject=subject, long=True)


def left_undone(work: Workspace, waiting: int) -> Iterator[tuple[str, str]]:
    """Yield what an earlier session left undone: the subject, and a sentence about it."""
    if waiting:
        runs = f"{waiting} runs from an earlier session are" if waiting > 1 else "A run from an earlier session is"
        yield "waiting", f"{runs} waiting. Press r to start the queue."
    interrupted = [run for run in work.library.runs() if run.status is Status.INTERRUPTED]
    if len(interrupted) > 1:
        yield "interrupted", f"{len(interrupted)} runs were interrupted. Press 2, then g, to resume one."
    elif interrupted:
        yield "interrupted", f"The run {interrupted[0].run} was interrupted. Press 2, then g, to resume it."
