"""The commands without the app: train, and manage the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Final

from mnist_tui.core.codec import dumps
from mnist_tui.core.comparison import build_table
from mnist_tui.core.control import RunControl, TrainingControl
from mnist_tui.core.estimate import DAY_S, machine_factor, sweep_s
from mnist_tui.core.events import Notice, Preparing, RunDone, Status
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.spec import SweepSpec, new_run_id
from mnist_tui.core.state import SessionState
from mnist_tui.engine import compile_early
from mnist_tui.errors import DataError, RunError, UsageError
from mnist_tui.report.console import ConsoleView
from mnist_tui.report.files import comparison_stem, save_comparison, saved_text
from mnist_tui.report.formatting import format_duration, still_waiting
from mnist_tui.runtime.recorder import Recorder, Training
from mnist_tui.signals import interruptible, nothing_to_lose
from mnist_tui.store.claims import continuing
from mnist_tui.store.connection import TRAINING_PATIENCE_S
from mnist_tui.store.database import Store
from mnist_tui.store.home import home, tables_folder
from mnist_tui.streams import say
from mnist_tui.wire.client import Watch, watches
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.control import PoolControl
from mnist_tui.workers.detached import begin, take, tell_taken
from mnist_tui.workers.pool import run_many

_BAD_ENDS: Final = (Status.FAILED, Status.OUT_OF_MEMORY, Status.DIVERGED)


def train(
    sweep: SweepSpec, *, as_json: bool, sure: bool = False, detach: bool = False, jobs: int = 1, on: str = ""
) -> int:
    """Train a grid, show it on the console, save the comparison; return the exit code.

    Args:
        sweep: What to train.
        as_json: Write for machines.
        sure: Start also what will take longer than a day.
        detach: Leave it to a process of its own.
        jobs: Parallel runs, each in a process with one thread; 0, on a cluster alone: as many as have room there.
        on: The cluster to train on, as for `workers.cluster.Cluster`; empty: this machine.

    Raises:
        UsageError: It will, and nobody said that this is meant.
    """
    if sweep.n_runs > 1:
        with Store.open_readonly(home()) as store:
            needed_s = sweep_s(sweep, machine_factor(reversed(store.runs()))) / min(max(1, jobs), sweep.n_runs)
        told = f"{sweep.n_runs:,} runs, about {format_duration(max(0.1, needed_s))} of training"
        if needed_s > DAY_S and not sure:
            raise UsageError(f"this would be {told}", "Add --yes if you mean it")
        say(f"{told}.")
    queue = enqueue(sweep.runs())
    jobs = min(jobs, len(queue))
    if detach:
        return _detach(queue, jobs, on, as_json=as_json)
    return _train(queue, jobs, on, as_json=as_json)


def _detach(queue: Sequence[QueuedRun], jobs: int, on: str, *, as_json: bool) -> int:
    """Leave a queue to a process of its own; print the ids of its runs once the first one is being trained."""
    place = home()
    detached = begin(place, queue, jobs, on)
    code = _until_it_trains(place, detached.process)
    if code == 0:
        for queued in queue:
            if as_json:
                print(dumps({"type": "detached", "run": queued.run, "spec": queued.spec, "log": str(detached.log)}))
            else:
                say(queued.run, out=True)
        say("Training continues without this terminal: `mnist-tui attach` shows it.")
    say(f"Its output goes to {detached.log}.")
    detached.let_go()
    return code


def _until_it_trains(place: Path, process: Popen[str]) -> int:
    """Show how a detached process gets ready; return 0 once its first run has begun, or the exit code of its end."""
    while process.poll() is None:
        for watch in watches(place):
            with closing(watch):
                if watch.hello.get("pid") == process.pid and _has_begun(watch):
                    return 0
        time.sleep(0.05)
    return process.wait()


def _has_begun(watch: Watch) -> bool:
    told = ""
    for record in watch.records():
        match record.get("type"):
            case "run_started" | "run_continued":
                return True
            case "notice" if record.get("exit_code"):
                say(f"mnist-tui: {record.get('message')}")
            case "preparing" if record.get("message") != told:
                told = str(record.get("message"))
                say(told)
    return False


def work() -> int:
    """Train what another process hands over; return the exit code. For `workers.detached.begin` alone."""
    return _train(*take(), as_json=False, taken=tell_taken)


def resume(name: str | None, epochs: int | None, *, as_json: bool, on: str = "") -> int:
    """Go on with a past run; without a name, with the newest one that was interrupted or stopped.

    Raises:
        UsageError: There is no such run, or nothing to go on with.
    """
    with Store.open_readonly(home()) as store:
        if name is None:
            unfinished = (Status.INTERRUPTED, Status.STOPPED, Status.FAILED, Status.OUT_OF_MEMORY)
            name = next((run.run for run in reversed(store.runs()) if run.status in unfinished), None)
        waiting = store.orphans
        if name is None:
            others = (
                "`mnist-tui resume --waiting` trains the queued runs" if waiting else "`mnist-tui runs` lists all runs"
            )
            raise UsageError("no run was interrupted or stopped", others)
        again = continuing(store, name, epochs)
    if waiting:
        say(f"{still_waiting(waiting)} beside this one: `mnist-tui resume --waiting` trains them.")
    return _train((again,), on=on, as_json=as_json)


def resume_waiting(jobs: int = 1, on: str = "", *, as_json: bool) -> int:
    """Train what still waits after its process was killed, so many runs in parallel.

    Raises:
        UsageError: Nothing waits.
    """
    session = new_run_id()
    with Store.open(home()) as store:
        queue = store.adopt_waiting(session)
        if not queue:
            raise UsageError("no run is waiting", "`mnist-tui runs` lists all runs")
        return _train(queue, min(jobs, len(queue)), on, as_json=as_json)


def _train(
    queue: Sequence[QueuedRun],
    jobs: int = 1,
    on: str = "",
    *,
    as_json: bool,
    taken: Callable[[], None] | None = None,
) -> int:
    """Train what is queued.

    The first Ctrl+C ends the run after its batch and keeps what is finished; a second one leaves immediately.

    Args:
        queue: In order.
        jobs: Parallel runs.
        on: The cluster to train on; empty: this machine.
        as_json: Write for machines.
        taken: Called once the queue belongs to this process, before anything that takes long.

    Raises:
        OSError: The output can no longer be written; the run was stopped in order.
    """
    place = home()
    is_alone = jobs == 1 and not on
    alone, pool, state = RunControl(), PoolControl(), SessionState()
    control: TrainingControl = alone if is_alone else pool
    session = new_run_id()
    worst, lost = 0, None

    def end() -> None:
        control.stop()
        if state.preparing is not None and state.preparing.fraction is not None:
            # Downloading: no run has begun, and a mirror that says nothing would be waited for.
            raise KeyboardInterrupt

    with Store.open(place, TRAINING_PATIENCE_S) as store:
        # Nothing yet where it was asked for here: an interrupt while PyTorch is loaded leaves nothing waiting.
        store.add_waiting(queue if taken is not None else (), session)
        if taken is not None:
            taken()
        with (
            ConsoleView(len(queue), as_json=as_json) as view,
            Recorder(store, session, control) as recorder,
            _engine_loaded(queue, alone, view, state, recorder) if is_alone else _workers(jobs, on, pool) as training,
            interruptible(end) as interruption,
        ):
            if recorder.problem:
                say(recorder.problem)
            store.add_waiting(queue, session)
            with suppress(KeyboardInterrupt):
                for event in recorder.play(training, queue):
                    state.apply(event)
                    if isinstance(event, Notice):
                        worst = worst or event.exit_code
                    if isinstance(event, RunDone) and event.status in _BAD_ENDS:
                        worst = worst or RunError.exit_code
                    if lost is not None:
                        continue
                    try:
                        view.show(event, state)
                    except OSError as error:
                        # Nobody can see it any more: end the run as if asked to, so that it is kept in order.
                        lost = error
                        control.stop()
            if taken is None or not control.queue_stopped:
                # An orderly end, so what still waits was given up. A detached process that was stopped leaves it.
                store.remove_all_waiting(session)
    table = build_table(state.runs.values())
    if table.rows:
        paths = save_comparison(table, tables_folder(place), comparison_stem())
        say(saved_text(paths))
    if state.run is not None and state.run.status is Status.STOPPED:
        say("Finished epochs are kept. `mnist-tui resume` continues this run.")
    if lost is not None and not interruption.exit_code:
        raise lost
    return interruption.exit_code or worst


@contextmanager
def _engine_loaded(
    queue: Sequence[QueuedRun], control: RunControl, view: ConsoleView, state: SessionState, recorder: Recorder
) -> Iterator[Training]:
    """Load PyTorch, and say so; an interrupt in the middle of a library's imports would leave it in pieces."""
    loading = Preparing(message="loading PyTorch")
    recorder.publish(loading)
    state.apply(loading)
    view.show(loading, state)
    with nothing_to_lose():
        compile_early(queued.spec for queued in queue)
        from mnist_tui.engine.session import run_sweep
    yield partial(run_sweep, control=control)


@contextmanager
def _workers(jobs: int, on: str, control: PoolControl) -> Iterator[Training]:
    """Let processes of their own train, and PyTorch be loaded there alone."""
    from mnist_tui.engine import run_sweep

    if not on:
        yield partial(run_many, control=control, jobs=jobs, engine=run_sweep)
        return
    with closing(Cluster(on, home())) as cluster:
        yield partial(run_many, control=control, jobs=jobs, engine=run_sweep, cluster=cluster)


def print_data_status(*, as_json: bool) -> int:
    """Print what lies where MNIST is looked for; 0 when one place is good, else 3."""
    from mnist_tui.engine.data import data_status, download_place, mirrors
    from mnist_tui.engine.fetch import without_password

    found = data_status()
    for status in found:
        place = status.place
        if as_json:
            record = {"folder": str(place.folder), "origin": place.origin, "state": status.state}
            print(dumps({"type": "data_place", **record, "detail": status.detail}))
        else:
            detail = f": {status.detail}" if status.detail else ""
            say(f"{status.state:<8} {place.folder}  ({place.origin}){detail}", out=True)
    if not as_json:
        sources = ", ".join(map(without_password, mirrors()))
        say(f"downloads go to {download_place().folder}, from {sources}")
    return 0 if any(status.state == "good" for status in found) else DataError.exit_code


def verify_data(*, as_json: bool) -> int:
    """As `print_data_status`, and 3 as well when any place is damaged."""
    from mnist_tui.engine.data import data_status

    code = print_data_status(as_json=as_json)
    return DataError.exit_code if any(status.state == "damaged" for status in data_status()) else code


def fetch_data(*, as_json: bool) -> int:
    """Download MNIST where it is not there yet; tell the folder on stdout."""
    from mnist_tui.engine.data import fetch_data as fetch

    steps = fetch()
    told = ""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            folder: Path = end.value
            break
        if as_json:
            print(dumps(step.to_json()), flush=True)
        elif step.message != told:
            told = step.message
            say(told)
    if as_json:
        print(dumps({"type": "data_fetched", "folder": str(folder)}))
    else:
        say(str(folder), out=True)
    return 0
