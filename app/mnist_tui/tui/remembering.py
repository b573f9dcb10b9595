"""What the app restores from the last session and saves for the next: theme, view, settings, keys, unfinished runs."""

from __future__ import annotations

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
        if waiting:
            runs = f"{waiting} runs from an earlier session are" if waiting > 1 else "A run from an earlier session is"
            self._ui.tell(f"{runs} waiting. Press r to start the queue.", subject="waiting", long=True)
        found = self._work.library.runs()
        interrupted = [run for run in found if run.status is Status.INTERRUPTED and run.network is not None]
        if interrupted:
            first, *more = interrupted
            runs = f"{len(interrupted)} runs were" if more else f"The run {first.run} was"
            message = f"{runs} interrupted. Press 2, then g, to resume {'one' if more else 'it'}."
            self._ui.tell(message, subject="interrupted", long=True)
