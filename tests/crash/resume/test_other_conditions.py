"""A run that goes on under other conditions says so, or is refused."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Notice, RunContinued, RunDone
from mnist_tui.core.status import Status
from mnist_tui.engine import session
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import UsageError
from mnist_tui.store.claims import Claims, continuing
from mnist_tui.store.database import Store
from tests.crash.resume.helpers import (
    NARROW,
    RUN,
    WIDE,
    after_epoch,
    begin,
    go_on,
    kept,
    newest_checkpoints,
    numbers,
    of,
    rows,
    train,
    warnings,
)
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S


def rewrite_start(home, change):
    """Change what was written down of the run's beginning, as if it had begun elsewhere."""
    ((text,),) = rows(home, "SELECT started FROM runs")
    record = json.loads(text)
    change(record)
    rows(home, "UPDATE runs SET started = ?", json.dumps(record))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda machine: machine["versions"].update(torch="1.0"), f"torch: 1.0, now {torch.__version__}"),
        (lambda machine: machine.update(device_name="Other CPU"), "device: Other CPU, now"),
        (lambda machine: machine.update(device="mps", threads=7), "threads: 7, now 1"),
    ],
    ids=["version", "processor", "threads"],
)
def test_other_conditions_are_said_and_stay_with_the_run(home, change, difference):
    begin(home, replace(NARROW, backend="torch"), until=after_epoch(2))
    rewrite_start(home, lambda record: change(record["machine"]))
    told = go_on(home)
    (continued,) = of(told, RunContinued)
    assert any(difference in text for text in continued.differs)
    assert any(difference in text for text in warnings(told))
    assert kept(home).differs == continued.differs
    with Store.open_readonly(home) as store:
        (listed,) = store.runs()
    assert listed.differs == continued.differs


def test_a_run_goes_on_with_the_threads_it_began_with_and_then_nothing_differs(home):
    begin(home, NARROW, until=after_epoch(2))
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN)
    told = train(home, replace(queued, spec=replace(queued.spec, threads=None)))
    assert not warnings(told)
    assert kept(home).differs == ()
    assert torch.get_num_threads() == 1


def test_the_compiled_step_gives_the_same_bits_with_more_threads_so_nothing_differs(home, uninterrupted):
    begin(home, WIDE, until=after_epoch(2))
    rewrite_start(home, lambda record: record["machine"].update(threads=2))
    assert not warnings(go_on(home))
    assert kept(home).differs == ()
    assert numbers(home) == uninterrupted(WIDE)


@pytest.mark.parametrize("spec", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize(("first", "second"), [("compiled", "torch"), ("torch", "compiled")])
def test_a_run_goes_on_with_the_other_backend_and_says_so(home, uninterrupted, monkeypatch, spec, first, second):
    # Before the other backend is chosen for all.
    reference, _, _ = uninterrupted(replace(spec, backend=first))
    begin(home, replace(spec, backend=first), until=after_epoch(2))
    monkeypatch.setattr(session, "choose_backend", lambda *_: second)
    told = go_on(home)
    (continued,) = of(told, RunContinued)
    assert f"backend: {first}, now {second}" in continued.differs
    epochs, _, _ = numbers(home)
    for ours, alone in zip(epochs, reference, strict=True):
        assert ours[1:5] == pytest.approx(alone[1:5], rel=0.02, abs=0.02)


def test_a_run_begun_on_other_data_is_refused_and_loses_nothing(home):
    begin(home, NARROW, until=after_epoch(2))
    rewrite_start(home, lambda record: record["dataset"].update(sha256="0" * 64, label="other digits"))
    before, files = kept(home), newest_checkpoints(home)
    (notice,) = of(go_on(home), Notice)
    assert "other digits" in notice.message
    assert notice.exit_code == 3
    assert kept(home) == before
    assert newest_checkpoints(home) == files
    assert all(path.exists() for path in files)


def test_a_run_that_diverged_is_refused(home):
    begin(home, replace(NARROW, learning_rate=1e30))
    before = kept(home)
    assert before.status is Status.DIVERGED
    with pytest.raises(UsageError, match="diverged"):
        go_on(home)
    assert kept(home) == before


def test_a_run_in_progress_cannot_go_on_in_another_process(home, tmp_path):
    begin(home, NARROW, until=after_epoch(1))
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN)
    with Store.open(home) as first:
        events = first.recorded(run_sweep(Claims(first, [queued]), RunControl()))
        next(event for event in events if isinstance(event, RunContinued))
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MNIST_TUI_HOME": str(home)}
        second = subprocess.run(
            [COMMAND, "resume", RUN], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert second.returncode == 2
        assert "in progress" in second.stderr
        # And one that looked a moment earlier, before the first one began.
        (notice,) = of(train(home, queued), Notice)
        assert "in progress in another process" in notice.message
        assert notice.exit_code == 5
        rest = list(events)
    assert of(rest, RunDone)[0].status is Status.FINISHED
    assert [e.epoch for e in kept(home).history] == [1, 2, 3, 4]
