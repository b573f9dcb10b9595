"""Names, notes, reasons and the ids of a damaged database are text on every way out, and steer nothing."""

import asyncio
import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import Notice, Preparing
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import FORMATS
from mnist_tui.demo import run_sweep
from mnist_tui.report.console import ConsoleView
from mnist_tui.report.export import render
from mnist_tui.report.formatting import printable
from mnist_tui.report.listing import print_comparison, print_run, print_runs
from mnist_tui.runtime.backends import Backends
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from tests.builders import CPU, DIGITS, keep, play, run_events, run_state
from tests.patience import PATIENCE_S
from tests.tui.helpers import screen_text, settle

HOSTILE = {
    "markup": "[bold red]x[/] [@click=app.quit]y[/] [/nonsense]",
    "escapes": "\x1b[2J\x1b]0;title\x07\x9b31m",
    "lines": "one\r\ntwo\u2028three\x0b",
    "right to left": "\u202eabc\u2066\u200f",
    "formula": "=cmd()|' /C calc'!A0",
    "page": "<script>alert(1)</script>&amp;\"'",
    "latex": r"\input{x}\end{tabular}%$#_",
    "path": "../../x",
}
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def hostile_events(text):
    """Return a run with this text wherever text from outside may stand."""
    dataset = replace(DIGITS, name=text, label=text, source=text, note=text)
    names = dict.fromkeys(("device", "device_name", "host", "system"), text)
    machine = replace(CPU, **names, versions={text: text})
    return run_events("run-1", dataset=dataset, machine=machine, status=Status.FAILED, reason=text)


def hostile_run(text) -> RunState:
    run = play(hostile_events(text)).runs["run-1"]
    assert run.result is not None
    return run


def hostile_table(text):
    """Return its comparison with a harmless run, so that the columns of data and devices are shown."""
    return build_table([hostile_run(text), run_state("run-2")])


def show_headless(events, out):
    state = play([])
    with ConsoleView(1, out=out, err=out) as view:
        for event in events:
            state.apply(event)
            view.show(event, state)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("width", [50, 200])
def test_nothing_steers_the_console(kind, width):
    text = HOSTILE[kind]
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, _environ={"TERM": "dumb"})
    run = hostile_run(text)
    print_run(run, out=out)
    print_runs([replace_id(run, text)], out=out)
    print_comparison(hostile_table(text), out)
    news = [Preparing(message=text), Notice(level="warning", message=text)]
    show_headless([*news, *hostile_events(text)], out)
    assert isinstance(out.file, io.StringIO)
    assert not STEERING.search(out.file.getvalue())


def replace_id(run, text):
    return RunState(run=text, spec=run.spec, dataset=run.dataset, machine=run.machine, started_at=text)


@pytest.mark.parametrize("kind", HOSTILE)
def test_names_of_devices_and_ids_are_text_in_every_export(kind):
    text = HOSTILE[kind]
    exports = {name: render(hostile_table(text), name) for name in FORMATS}
    for name in ("md", "tex", "html"):
        assert not STEERING.search(exports[name])
    assert "<script" not in exports["html"]
    assert not re.search(r"(?<!\\)<script", exports["md"])
    assert not re.search(r"\\input|\\end\{tabular\}%", exports["tex"])
    cells = [cell for row in csv.reader(io.StringIO(exports["csv"], newline="")) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=@\t\r\n]|[+-](?![\d.]|inf$)", cell)]
    record = json.loads(exports["json"], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert text in {row["device_name"] for row in record["rows"]}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_app_shows_it_as_text(tmp_path, kind):
    text = HOSTILE[kind]
    keep(tmp_path, hostile_events(text))
    screens = asyncio.run(look(MnistTuiApp(Backends(run_sweep), tmp_path), (200, 60)))
    assert not STEERING.search("".join(screens))
    words = [word for word in re.split(r"[^\w\[\]<>=/\\.]+", printable(text)) if word]
    for word in words:
        assert any(word in screen for screen in screens), "it is shown, not swallowed"


async def look(app, size):
    screens = []
    async with app.run_test(size=size, notifications=True) as pilot:
        for keys in (["2"], ["space"], ["c"], ["c"], ["enter"], ["2", "l"]):
            await pilot.press(*keys)
            await settle(pilot)
            screens.append(screen_text(app))
        app.session.stop()
        assert app.session.join(PATIENCE_S)
    app.session.close()
    return screens


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_id_of_a_damaged_database_leads_nowhere_and_steers_nothing(tmp_path, kind):
    text, home = HOSTILE[kind], tmp_path / "a" / "home"
    damage_database(home, text)
    before = {path for path in tmp_path.rglob("*") if home not in path.parents}
    screens = asyncio.run(look(MnistTuiApp(Backends(run_sweep), home), (200, 60)))
    assert not STEERING.search("".join(screens))
    assert {path for path in tmp_path.rglob("*") if home not in path.parents} == before


def damage_database(home, text):
    with Store.open(home) as store:
        for event in run_events("run-1", spec=RunSpec(epochs=1), val_accuracies=[0.5]):
            store.record(event)
        with store._connection.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            for table in ("runs", "epochs"):
                connection.execute(f"UPDATE {table} SET run = ?", (text,))
            connection.execute("UPDATE runs SET started = replace(started, '\"run-1\"', ?)", (json.dumps(text),))
