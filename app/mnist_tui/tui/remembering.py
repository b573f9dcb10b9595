"""What the app restores from the last session and saves for the next: theme, view, settings, keys, unfinished runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from textual.app import App

from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime import preferences
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.keymap import rebound
from mnist_tui.tui.themes import OWN_THEMES
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.workspace import Workspace


class Remembering:
    """Applies preferences at the start and saves them when they change.

    Args:
        app: The app whose theme and keys are set.
        ui: The user interface.
        work: The workspace.

    Attributes:
        commands: All commands, with their current keys.
    """

    def __init__(self, app: App[None], ui: Ui, work: Workspace) -> None:
        self._app, self._ui, self._work = app, ui, work
        self.commands: tuple[Command, ...]
        self.commands, clashes = rebound(work.preferences.keys)
        self._complaints = [*work.complaints, *clashes]

    def begin(self) -> None:
        """Apply the preferences and report the invalid ones."""
        app, work = self._app, self._work
        for theme in OWN_THEMES:
            app.register_theme(theme)
        if work.preferences.theme in app.available_themes:
            app.theme = work.preferences.theme
        else:
            self._complaints.append(f"{preferences.FILE}: unknown theme {work.preferences.theme!r}.")
        usual = {command.action: command.key for command in COMMANDS}
        if changed := {c.identity: c.key for c in self.commands if c.key != usual[c.action]}:
            app.set_keymap(changed)
        if work.session.may_choose_jobs:
            work.session.jobs = work.preferences.jobs
        for complaint in self._complaints:
            self._ui.tell(complaint, severity="warning", subject=complaint, long=True)

    def keep(self) -> None:
        """Save changed preferences, unless the file has errors: then leave it untouched."""
        work = self._work
        now = replace(work.preferences, theme=self._app.theme, look=work.charts.look.whole(), spec=work.spec)
        now = replace(now, jobs=work.session.jobs, views=work.views)
        if now == work.preferences:
            return
        work.preferences = now
        if self._complaints or not work.home.is_dir():
            return
        try:
            preferences.save(work.home, now)
        except MnistTuiError as error:
            # While exiting there is no screen left to show it on.
            if self._app.is_running:
                self._ui.tell(str(error), severity="error", long=True)

    def welcome_back(self) -> None:
        """Take over the queued runs of an earlier session, and report unfinished ones."""
        waiting = self._work.attempt(self._work.session.adopt) if self._work.library.has_store else 0
        for subject, message in left_undone(self._work, waiting or 0):
            self._ui.tell(message, subject=subject, long=True)


def left_undone(work: Workspace, waiting: int) -> Iterator[tuple[str, str]]:
    """Yield a subject and a sentence for each kind of work that an earlier session left unfinished."""
    if waiting:
        runs = f"{waiting} runs from an earlier session are" if waiting > 1 else "A run from an earlier session is"
        yield "waiting", f"{runs} waiting. Press r to start the queue."
    interrupted = [run for run in work.library.runs() if run.status is Status.INTERRUPTED and run.network is not None]
    if len(interrupted) > 1:
        yield "interrupted", f"{len(interrupted)} runs were interrupted. Press 2, then g, to resume one."
    elif interrupted:
        yield "interrupted", f"The run {interrupted[0].run} was interrupted. Press 2, then g, to resume it."
