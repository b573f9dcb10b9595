"""The terminal's guard, signals and abilities, tried in a pseudo-terminal."""

import signal
import stat
import sys
from pathlib import Path

import pytest

from mnist_tui.signals import ENDING
from tests.e2e.pty_app import PtyApp

APP = """
import asyncio, ctypes, logging, os, sys, time, warnings
from pathlib import Path
from textual.app import App
from textual.widgets import Static
from mnist_tui.signals import install_signal_handlers
from mnist_tui.terminal import guarded_terminal

class Tiny(App):
    BINDINGS = [("ctrl+z", "suspend_process", "Suspend")]

    def compose(self):
        yield Static("ready", id="what")

    def on_mount(self):
        install_signal_handlers(asyncio.get_running_loop(), lambda code: self.exit(return_code=code))
        if "busy" in sys.argv:
            self.set_interval(0.02, self.draw)

    def draw(self):
        os.write(2, b"drawn\\n")
        self.query_one("#what").update(f"ready {time.monotonic()}")

    def on_resize(self, event):
        self.query_one("#what").update(f"ready {event.size.width}x{event.size.height}")

    def key_n(self):
        os.write(1, b"stray-one\\n")
        os.write(2, b"stray-two\\n")
        libc = ctypes.CDLL(None)
        libc.puts(b"stray-puts")
        libc.printf(b"stray-%d\\n", ctypes.c_int(345))
        libc.fflush(None)
        print("stray-print")
        warnings.warn("stray-warning")
        logging.getLogger("library").error("stray-record")
        os.system("echo stray-child")
        self.query_one("#what").update("written")

    def key_b(self):
        ctypes.CDLL(None).puts(b"stray-buffered")
        self.exit()

    def key_x(self):
        raise RuntimeError("wrong-in-app")

    def key_a(self):
        os.abort()

try:
    with guarded_terminal(Path(sys.argv[1])) as guard:
        app = Tiny()
        app.run()
        if "raise" in sys.argv:
            raise KeyError("wrong-after-app")
except KeyError as error:
    print("caught", error)
for line in guard.tail(3) if app.return_code == 1 else ():
    print("tail:", line)
if "busy" in sys.argv:
    sys.exit(app.return_code)
print("printed after", sys.stdout is sys.__stdout__, file=sys.stdout)
print("told after", sys.stderr is sys.__stderr__, file=sys.stderr)
os.write(2, b"written after\\n")
sys.exit(app.return_code or 0)
"""

LEAVING = """
import sys, time
from pathlib import Path
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.launch import launch
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.session import TrainingSession

home = Path(sys.argv[1])

def join(self, timeout_s):
    (home / "leaving").touch()
    while not (home / "trained").exists():
        time.sleep(0.01)

TrainingSession.join = join
sys.exit(launch(Backends(run_sweep), RunSpec(), home))
"""
"""The app, whose training takes until a file is there to end."""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "app.log"


def tiny(log: Path, *arguments: str, **environment: str) -> PtyApp:
    return PtyApp([sys.executable, "-c", APP, str(log), *arguments], environment=environment)


def assert_given_back(app: PtyApp) -> None:
    assert app.left_on == set()
    assert app.settings == app.settings_before


def test_stray_output_goes_to_the_log_and_never_to_the_screen(log):
    with tiny(log) as app:
        app.wait_for("ready 80x24")
        assert app.on_alternate_screen
        app.send("n")
        app.wait_for("written")
        app.send("\x11")
        assert app.wait_exit() == 0
        assert b"stray" not in app.raw
        assert_given_back(app)
    text = log.read_text()
    for stray in ("one", "two", "puts", "345", "warning", "record", "child"):
        assert f"stray-{stray}" in text


def test_the_log_is_for_its_owner_alone_and_keeps_what_earlier_sessions_wrote(log):
    for _ in range(2):
        with tiny(log) as app:
            app.wait_for("ready")
            app.send("n")
            app.wait_for("written")
            app.send("\x11")
            app.wait_exit()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text().count("stray-two") == 2


def test_what_a_library_still_holds_back_does_not_appear_after_the_app(log):
    with tiny(log) as app:
        app.wait_for("ready")
        app.send("b")
        assert app.wait_exit() == 0
        assert b"stray" not in app.raw
    assert "stray-buffered" in log.read_text()


def test_after_the_app_everything_writes_to_the_terminal_again(log):
    with tiny(log) as app:
        app.wait_for("ready")
        app.send("\x11")
        assert app.wait_exit() == 0
        for text in ("printed after True", "told after True", "written after"):
            assert text in app.after_alternate_screen


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_signals_give_the_terminal_back(log, number):
    with tiny(log) as app:
        app.wait_for("ready")
        app.signal(number)
        assert app.wait_exit() == 128 + number
        assert_given_back(app)


def test_the_app_ends_when_its_window_is_closed(log):
    with tiny(log, "busy") as app:
        app.wait_for("ready")
        app.hang_up()
        assert app.wait_exit() == 129


def test_an_app_that_outlives_its_window_can_still_be_ended(log):
    def drawn():
        return log.read_text().count("drawn")

    command = ["/bin/sh", "-c", f'trap "" HUP; exec {sys.executable} -c "$APP" {log} busy']
    with PtyApp(command, environment={"APP": APP}) as app:
        app.wait_for("ready")
        app.hang_up()
        before = drawn()
        app.wait_for(lambda: drawn() > before + 100)
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 143


def test_a_crash_gives_the_terminal_back_and_its_last_lines_can_be_shown(log):
    with tiny(log) as app:
        app.wait_for("ready")
        app.send("x")
        assert app.wait_exit() == 1
        assert_given_back(app)
        assert "tail: RuntimeError: wrong-in-app" in app.after_alternate_screen
        assert "Traceback" not in app.after_alternate_screen
    assert "Traceback" in log.read_text()


def test_an_error_outside_the_app_restores_the_descriptors(log):
    with tiny(log, "raise") as app:
        app.wait_for("ready")
        app.send("\x11")
        assert app.wait_exit() == 0
        assert "caught 'wrong-after-app'" in app.after_alternate_screen
        assert "written after" in app.after_alternate_screen


def test_the_stacks_of_a_hard_crash_go_to_the_log(log):
    with tiny(log) as app:
        app.wait_for("ready")
        app.send("a")
        assert app.wait_exit() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in log.read_text()


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_app_back(log):
    with tiny(log) as app:
        app.wait_for("ready 80x24")
        app.send("\x1a")
        app.wait_stopped()
        assert_given_back(app)
        app.resize(30, 100)
        app.signal(signal.SIGCONT)
        app.wait_for("ready 100x30")
        assert app.on_alternate_screen
        app.send("n")
        app.wait_for("written")
        app.send("\x11")
        assert app.wait_exit() == 0
        assert b"stray" not in app.raw
        assert_given_back(app)


def test_ctrl_z_while_the_last_batch_is_awaited_stops_the_command_and_fg_ends_it(tmp_path):
    # Ctrl+Z needs a shell that could bring the command back.
    shell = f'set -m; {sys.executable} -c "$LEAVING" {tmp_path}; echo stopped; read line; fg; echo ended with $?'
    with PtyApp(["/bin/sh", "-c", shell], environment={"LEAVING": LEAVING}) as app:
        app.wait_for("READY")
        app.send("q")
        app.wait_for((tmp_path / "leaving").exists)
        app.send("\x1a")
        app.wait_for("stopped")
        (tmp_path / "trained").touch()
        app.send("\r")
        assert app.wait_exit() == 0
        assert "ended with 0" in app.after_alternate_screen
        assert "Error" not in app.after_alternate_screen


def test_the_app_follows_the_size_of_its_terminal(log):
    with tiny(log) as app:
        app.wait_for("ready 80x24")
        app.resize(40, 132)
        app.wait_for("ready 132x40")


def test_errors_redirected_to_a_file_leave_the_screen_to_the_app(log, tmp_path):
    errors = tmp_path / "errors"
    command = f'exec {sys.executable} -c "$APP" {log} 2>{errors}'
    with PtyApp(["/bin/sh", "-c", command], environment={"APP": APP}) as app:
        app.wait_for("ready 80x24")
        app.send("n")
        app.wait_for("written")
        app.send("\x11")
        assert app.wait_exit() == 0
        assert b"stray" not in app.raw
    assert "stray-two" in errors.read_text()
    assert "stray-one" in log.read_text()


def test_nothing_is_guarded_where_another_driver_draws(log):
    script = "import os, sys; from pathlib import Path; from mnist_tui.terminal import guarded_terminal\n"
    script += "with guarded_terminal(Path(sys.argv[1])) as guard: os.write(1, b'direct'); print(guard.tail())"
    with PtyApp([sys.executable, "-c", script, str(log)], environment={"TEXTUAL_DRIVER": "some.module:Driver"}) as app:
        assert app.wait_exit() == 0
        assert "direct[]" in app.display
    assert not log.exists()


def test_a_log_that_cannot_be_written_keeps_nobody_from_the_app(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    with tiny(tmp_path / "logs" / "app.log") as app:
        app.wait_for("ready")
        app.send("n")
        app.wait_for("written")
        app.send("\x11")
        assert app.wait_exit() == 0
        assert b"stray" not in app.raw


# The headless command's signals -------------------------------------------------------------------

WORK = """
import sys, time
from mnist_tui.signals import interruptible
stopped = []
with interruptible(lambda: stopped.append(1)) as interruption:
    print("working", flush=True)
    while not stopped:
        time.sleep(0.01)
    print("stopping", flush=True)
    while "stubborn" in sys.argv:
        time.sleep(0.01)
print("kept what is finished", flush=True)
sys.exit(interruption.exit_code)
"""


@pytest.mark.parametrize(("how", "code"), [("\x03", 130), (signal.SIGTERM, 143)])
def test_the_first_interrupt_keeps_what_is_finished(how, code):
    with PtyApp([sys.executable, "-c", WORK]) as app:
        app.wait_for("working")
        app.send(how) if isinstance(how, str) else app.signal(how)
        assert app.wait_exit() == code
        assert "kept what is finished" in app.display


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_interrupt_ends_at_once(number, code):
    with PtyApp([sys.executable, "-c", WORK, "stubborn"]) as app:
        app.wait_for("working")
        app.signal(signal.SIGINT)
        app.wait_for("stopping")
        app.signal(number)
        assert app.wait_exit() == code
        assert "kept what is finished" not in app.display


def test_an_ignored_interrupt_stays_ignored():
    with PtyApp(
        ["/bin/sh", "-c", f"trap '' INT; exec {sys.executable} -c \"$WORK\""], environment={"WORK": WORK}
    ) as app:
        app.wait_for("working")
        app.signal(signal.SIGINT)
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 143
        assert "kept what is finished" in app.display


# Abilities ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"COLORTERM": "truecolor"}, "xterm-256color, 100x30, true colour, Unicode"),
        ({}, "xterm-256color, 100x30, 256 colours, Unicode"),
        ({"TERM": "linux"}, "linux, 100x30, 16 colours, Unicode"),
        ({"TERM": "dumb"}, "dumb, 100x30, no colours, Unicode"),
        ({"NO_COLOR": "1", "COLORTERM": "truecolor"}, "xterm-256color, 100x30, no colours, Unicode"),
        ({"PYTHONIOENCODING": "latin-1"}, "xterm-256color, 100x30, 256 colours, ASCII only"),
    ],
)
def test_the_terminals_abilities_are_told(environment, told):
    script = "from mnist_tui.terminal import capabilities; print(capabilities())"
    with PtyApp([sys.executable, "-c", script], rows=30, columns=100, environment=environment) as app:
        assert app.wait_exit() == 0
        assert app.display.strip() == told
