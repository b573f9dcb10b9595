"""Runs the app on a guarded terminal and cleans up after it."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.runtime.backends import Backends
from mnist_tui.store.home import make_home
from mnist_tui.streams import say
from mnist_tui.terminal import guarded_terminal, is_web
from mnist_tui.tui.farewell import farewell

LAST_WORDS_S: Final = 5.0
"""How long to wait at exit for the training thread to record the end of its run."""


def launch(backends: Backends, spec: RunSpec, home: Path, attach: str = "") -> int:
    """Run the app; return its exit code.

    Args:
        backends: The engine, and the services around it.
        spec: The initial settings.
        home: The folder of runs, tables and logs.
        attach: Id of a run in another process to show first.

    Raises:
        UsageError: There is no terminal to draw on.
    """
    if not is_web() and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal", "Use `mnist-tui run` to train without one")
    make_home(home)
    with guarded_terminal(home / "logs" / "app.log") as guard:
        from mnist_tui.tui.app import MnistTuiApp

        app = MnistTuiApp(backends, home, spec, attach)
        app.run()
        # Textual leaves its handlers behind, which need an event loop that no longer exists.
        for number in (signal.SIGTSTP, signal.SIGCONT):
            signal.signal(number, signal.SIG_DFL)
        app.remembering.keep()
        app.session.control.stop()
        app.session.join(LAST_WORDS_S)
        for event in app.session.mailbox.drain():
            app.state.apply(event)
        app.session.close()
    code = app.return_code or 0
    # In a browser, nobody would read it.
    if not is_web() and (
        said := farewell(app.state.runs.values(), len(app.session.queue.waiting), app.leaving.handover.count)
    ):
        # After a hangup, the terminal is gone.
        with suppress(OSError):
            say(said, out=True)
    if code == 1:
        last = guard.tail(5)
        raise MnistTuiError(
            "the app ended with an internal error" + (f" ({last[-1].strip()})" if last else ""),
            f"Finished epochs are kept; details are in {guard.log}",
        )
    return code
