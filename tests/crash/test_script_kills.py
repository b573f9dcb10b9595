"""A script dies at every single statement that its recorder writes: nothing that was told is lost."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.patience import PATIENCE_S

EPOCHS, STEPS = 3, 4
SCRIPT = f"""
import os, signal, sys
import mnist_tui
from mnist_tui.store.connection import Connection

dies_at, statements = int(sys.argv[1]), 0

def watch(connection):
    def count(_):
        global statements
        statements += 1
        if statements == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
    connection.set_trace_callback(count)

opened = Connection.open.__func__

def open_watched(cls, *args, **options):
    made = opened(cls, *args, **options)
    watch(made._connection)
    return made

Connection.open = classmethod(open_watched)

class Weights:
    value = 0.0
    def state_dict(self): return {{"value": self.value}}
    def load_state_dict(self, state): self.value = state["value"]

weights = Weights()
with mnist_tui.init("kills", epochs={EPOCHS}, state={{"weights": weights}}, resume=sys.argv[2]) as run:
    for epoch in run.epochs():
        if epoch > 1:
            print(epoch - 1, flush=True)
        for _ in run.steps({STEPS}):
            weights.value += 1.0
            run.log(value=weights.value)
        run.log({{"val/loss": 1 / weights.value}})
print({EPOCHS}, statements, flush=True)
"""


def run(home, dies_at, resume=""):
    environment = {**os.environ, "MNIST_TUI_HOME": str(home)}
    command = [sys.executable, "-c", SCRIPT, str(dies_at), resume]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def wrong_after(home, result):
    """Return what is wrong after a run was killed, and after it was brought to its end."""
    told = [int(line.split()[0]) for line in result.stdout.splitlines()]
    if not (home / "runs.db").exists():
        return ["an epoch was told, and nothing is stored"] if told else []
    with Store.open_readonly(home) as store:
        if not store.runs():
            return ["an epoch was told, and nothing is stored"] if told else []
        found = store.run("last")
        saved = store.newest_checkpoint(found.run) is not None
    wrong = [f"epoch {epoch} was told and is lost" for epoch in told if epoch > found.epochs_done]
    if not found.status.is_over:
        wrong.append(f"it is shown as {found.status}")
    if found.status is Status.FINISHED:
        return wrong
    again = run(home, 0, "last")
    if again.returncode:
        return wrong if not saved else [*wrong, f"it cannot go on: {again.stderr[-200:]}"]
    with Store.open_readonly(home) as store:
        ended = store.run("last")
        points = store.points(ended.run, "value").series
    values = [float(step) for step in range(1, EPOCHS * STEPS + 1)]
    if (list(points.steps), list(points.values)) != (list(map(int, values)), values):
        wrong.append(f"its steps are {list(points.steps)} with {list(points.values)}")
    if [round(1 / epoch.value("val/loss")) for epoch in ended.history] != [4, 8, 12]:
        wrong.append(f"its epochs are {[dict(epoch.values) for epoch in ended.history]}")
    return wrong


def test_at_no_statement_of_the_recorder_a_told_epoch_is_lost(tmp_path):
    whole = run(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    statements = int(whole.stdout.split()[-1])
    assert statements > 30

    def attempt(at):
        home = tmp_path / str(at)
        return wrong_after(home, run(home, at))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        points = range(1, statements + 1)
        found = dict(zip(points, pool.map(attempt, points), strict=True))
    assert {at: wrong for at, wrong in found.items() if wrong} == {}
