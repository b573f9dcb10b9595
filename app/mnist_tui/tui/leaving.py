"""Ways to leave the app: quit, suspend, signals, and handing a run to another process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from mnist_tui.core.queue import QueuedRun
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.handover import HandOver
from mnist_tui.runtime.session import Detach
from mnist_tui.signals import GRACE_S, end_within
from mnist_tui.tui.screens.quit import Leave, QuitScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.workspace import Workspace

HANGUP: Final = 128 + signal.SIGHUP
"""Exit code when the terminal is closed."""
HOLD_S: Final = 2.0
"""How long Ctrl+Z waits for the current batch to finish."""


class Leaving:
    """Exits the app cleanly, once training allows it.

    Args:
        work: The workspace.
        ui: The user interface.
        detach: Hands a queue to a new background process; `None` if not supported.
        exit_with: Exits the app with an exit code.

    Attributes:
        handover: Hands the run over to another process.
    """

    def __init__(self, work: Workspace, ui: Ui, detach: Detach | None, exit_with: Callable[[int], None]) -> None:
        self._work, self._ui, self._exit_with = work, ui, exit_with
        self._code: int | None = None
        self._is_asking = False
        self.handover = HandOver(ui.beside, work.session, work.state, detach, self._handed_over, self._not_handed_over)

    @property
    def is_wanted(self) -> bool:
        """True if the app will exit as soon as training allows it."""
        return self._code is not None

    def action_detach(self) -> None:
        """Hand the run in progress and the queue to a process that outlives this terminal."""
        work, in_sight = self._work, self._ui.in_sight
        if in_sight is not None and in_sight in work.remote_runs.runs:
            self._ui.tell("That run is already in another process.")
        elif not (work.is_live and work.state.active):
            self._ui.tell("No run is in progress. Use `mnist-tui run --detach` to start one outside the app.")
        elif not self.handover.is_possible:
            self._ui.tell("Scripted runs cannot be detached.")
        else:
            self.handover.begin()
            self._ui.tell("Handing the run over to a background process …", long=True)
            self._ui.redraw()

    def action_quit(self) -> None:
        """Quit, or ask first if a run is in progress."""
        if self._is_asking:
            return
        if self.handover.is_wanted or self.handover.is_under_way:
            # Exit as soon as the other process has taken over.
            self._code = 0
        elif self._work.is_live and self._work.state.active:
            self._is_asking = True
            self._ui.ask(QuitScreen(), self._leave)
        else:
            self._exit_with(0)

    def _leave(self, how: Leave | None) -> None:
        self._is_asking = False
        if how is None:
            return
        if how == "detach":
            self._code = 0 if self.handover.is_possible else None
            self.action_detach()
            return
        self._code = 0
        self._work.session.stop(after_epoch=how == "finish")
        if how == "finish":
            self._ui.tell("Will quit after this epoch.")
        self._ui.redraw()

    def on_signal(self, code: int) -> None:
        """Exit on a signal, with its exit code."""
        end_within(GRACE_S, code)
        hands_over = code == HANGUP and self._work.preferences.on_hangup == "detach"
        if hands_over and self._work.is_live and self.handover.is_possible:
            with suppress(MnistTuiError):
                # If the hand-over fails, the run is stopped and the queue is kept for the next start.
                self.handover.at_once(GRACE_S / 2)
        self._work.session.stop()
        self._exit_with(code)

    def in_the_shell(self, suspend: Callable[[], None]) -> None:
        """Suspend the app; training pauses meanwhile, so that the time does not count towards an epoch."""
        control = self._work.session.control
        held = control.hold() if self._work.is_live else frozenset()
        if held:
            control.wait_until_held(HOLD_S)
        suspend()
        control.let_go(held)

    def training_is_idle(self) -> None:
        """Do what had to wait for the training thread to end."""
        work = self._work
        if self.handover.is_wanted:
            self.handover.go_on()
        elif self.handover.is_under_way:
            pass
        elif self._code is not None:
            self._exit_with(self._code)
        elif work.state.active:
            # The thread ended without a final event, because of an error that a notice has reported.
            work.state.give_up()
            self._ui.redraw()
        else:
            work.session.go_on()

    def _handed_over(self, queue: Sequence[QueuedRun]) -> None:
        """Attach to the runs that another process has taken over."""
        if queue:
            self._work.sight.attach_to([queued.run for queued in queue])
            self._ui.tell("Training continues in a background process, which outlives this terminal.", long=True)
        else:
            self._ui.tell("The run has ended; there is nothing left to hand over.")
        self._work.attempt(self._work.library.load)
        self._ui.redraw()
        if self._code is not None:
            self._exit_with(self._code)

    def _not_handed_over(self, error: MnistTuiError) -> None:
        self._code = None
        self._ui.tell(str(error), severity="error", long=True)
        self._ui.redraw()
