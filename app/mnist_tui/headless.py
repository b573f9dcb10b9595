"""The commands that work without the app: train, and manage the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Final

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.comparison import build_table
from mnist_tui.core.control import RunControl, TrainingControl
from mnist_tui.core.estimate import DAY_S, machine_factor, sweep_s
from mnist_tui.core.events import Notice, Preparing, RunDone
from mnist_tui.core.numerals import count
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec, new_run_id
from mnist_tui.core.status import Status
from mnist_tui.core.sweep import SweepSpec
from mnist_tui.engine import compile_early
from mnist_tui.errors import RunError, UsageError
from mnist_tui.report.console import ConsoleView
from mnist_tui.report.files import save_comparison, saved_text, stem_of
from mnist_tui.report.formatting import format_duration, still_waiting
from mnist_tui.runtime.recorder import Recorder, Training
from mnist_tui.runtime.search import Director
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


def plan(sweep: SweepSpec, *, as_json: bool, jobs: int = 1) -> int:
    """List the runs that `train` would start and the time they need; arguments as for it."""
    for spec in sweep.runs():
        title = f"{spec.title}, {spec.dataset}" if "dataset" in sweep.values else spec.title
        print(dumps({"type": "planned", "spec": to_json_value(spec)}) if as_json else title)
    say(f"{_estimate(sweep, jobs)[1]}. Nothing was started.")
    return 0


def _estimate(sweep: SweepSpec, jobs: int) -> tuple[float, str]:
    """Return about how many seconds a grid takes on this machine, from past runs, and that as words."""
    with Store.open_readonly(home()) as store:
        needed_s = sweep_s(sweep, machine_factor(reversed(store.runs()))) / min(max(1, jobs), sweep.n_runs)
    return needed_s, f"{count(sweep.n_runs, 'run')}, about {format_duration(max(0.1, needed_s))} of training"


def train(
    sweep: SweepSpec, *, as_json: bool, sure: bool = False, detach: bool = False, jobs: int = 1, on: str = ""
) -> int:
    """Train a grid, show it on the console, save the comparison; return the exit code.

    Args:
        sweep: What to train.
        as_json: Write JSON lines.
        sure: Start it even if it will take longer than a day.
        detach: Train in a detached process.
        jobs: Parallel runs, each in a process with one thread; 0, only with a cluster: as many as fit there.
        on: The cluster to train on, as for `workers.cluster.Cluster`; empty for this machine.

    Raises:
        UsageError: It would take longer than a day, and `sure` is not set.
    """
    if sweep.n_runs > 1:
        needed_s, told = _estimate(sweep, jobs)
        if needed_s > DAY_S and not sure:
            raise UsageError(f"this would be {told}", "Add --yes if you mean it")
        say(f"{told}.")
    queue = enqueue(sweep.runs())
    jobs = min(jobs, len(queue))
    if detach:
        return _detach(queue, jobs, on, as_json=as_json)
    return _train(queue, jobs, on, as_json=as_json)


def _detach(queue: Sequence[QueuedRun], jobs: int, on: str, *, as_json: bool) -> int:
    """Hand a queue to a detached process; print the ids of its runs once the first one is training."""
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
    """Show a detached process's preparation; return 0 once its first run has started, or the code it exits with."""
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
    """Train what another process hands over; return the exit code. Only for `workers.detached.begin`."""
    return _train(*take(), as_json=False, taken=tell_taken)


def resume(name: str | None, epochs: int | None, *, as_json: bool, on: str = "") -> int:
    """Resume a past run; without a name, the newest unfinished one.

    Raises:
        UsageError: No run has this name, or it cannot be resumed.
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
    """Train the queued runs whose process was killed, `jobs` of them in parallel.

    Raises:
        UsageError: No run is waiting.
    """
    session = new_run_id()
    with Store.open(home()) as store:
        queue = store.adopt_waiting(session)
        if not queue:
            raise UsageError("no run is waiting", "`mnist-tui runs` lists all runs")
        return _train(queue, min(jobs, len(queue)), on, as_json=as_json)


def train_search(director: Director, jobs: int = 1, on: str = "", *, as_json: bool) -> int:
    """Train what a search proposes, `jobs` runs in parallel; return the exit code.

    Raises:
        StoreError: Another process works on this search.
    """
    return _train((), min(jobs, director.search.spec.trials), on, as_json=as_json, director=director)


def _train(
    queue: Sequence[QueuedRun],
    jobs: int = 1,
    on: str = "",
    *,
    as_json: bool,
    taken: Callable[[], None] | None = None,
    director: Director | None = None,
) -> int:
    """Train a queue.

    The first Ctrl+C ends the run after its batch and keeps what is finished; a second one exits immediately.

    Args:
        queue: The runs, in order.
        jobs: Parallel runs.
        on: The cluster to train on; empty for this machine.
        as_json: Write JSON lines.
        taken: Called once the queue belongs to this process, before anything slow.
        director: Makes the queue as it goes, instead.

    Raises:
        OSError: The output can no longer be written; the run was stopped cleanly.
    """
    place = home()
    is_alone = jobs == 1 and not on
    alone, pool, state = RunControl(), PoolControl(), SessionState()
    control: TrainingControl = alone if is_alone else pool
    session = new_run_id()
    worst, lost = 0, None
    specs = [queued.spec for queued in queue] if director is None else director.likely
    total = len(queue) if director is None else director.search.spec.trials

    def end() -> None:
        control.stop()
        if state.preparing is not None and state.preparing.fraction is not None:
            # Downloading: no run has started, and a silent mirror would delay the exit.
            raise KeyboardInterrupt

    with Store.open(place, TRAINING_PATIENCE_S) as store:
        # Not stored yet unless it was handed over: an interrupt while PyTorch is loading leaves nothing waiting.
        store.add_waiting(queue if taken is not None else (), session)
        if taken is not None:
            taken()
        with (
            ConsoleView(total, as_json=as_json, is_brief=director is not None) as view,
            Recorder(store, session, control) as recorder,
            _engine_loaded(specs, alone, view, state, recorder) if is_alone else _workers(jobs, on, pool) as training,
            interruptible(end) as interruption,
        ):
            if recorder.problem:
                say(recorder.problem)
            store.add_waiting(queue, session)
            runs = queue if director is None else director.queue(store, session, control)
            with suppress(KeyboardInterrupt):
                for event in recorder.play(training, runs):
                    state.apply(event)
                    if isinstance(event, Notice):
                        worst = worst or event.exit_code
                    if director is not None:
                        director.hear(event)
                    elif isinstance(event, RunDone) and event.status in _BAD_ENDS:
                        worst = worst or RunError.exit_code
                    if lost is not None:
                        continue
                    try:
                        view.show(event, state)
                    except OSError as error:
                        # Nobody can see the output any more: stop the run cleanly, as if requested.
                        lost = error
                        control.stop()
            if taken is None or not control.queue_stopped:
                # A clean exit drops the runs that still wait; a detached process that was stopped leaves them queued.
                store.remove_all_waiting(session)
    if director is None:
        _conclude(state, place)
    if lost is not None and not interruption.exit_code:
        raise lost
    return interruption.exit_code or worst


def _conclude(state: SessionState, place: Path) -> None:
    table = build_table(state.runs.values())
    if table.rows:
        paths = save_comparison(table, tables_folder(place), stem_of("comparison"))
        say(saved_text(paths))
    if state.run is not None and state.run.status is Status.STOPPED:
        say("Finished epochs are kept. `mnist-tui resume` continues this run.")


@contextmanager
def _engine_loaded(
    specs: Sequence[RunSpec], control: RunControl, view: ConsoleView, state: SessionState, recorder: Recorder
) -> Iterator[Training]:
    """Load PyTorch, and report it; an interrupt exits, since it would leave a library half imported."""
    loading = Preparing(message="loading PyTorch")
    recorder.publish(loading)
    state.apply(loading)
    view.show(loading, state)
    with nothing_to_lose():
        compile_early(specs)
        from mnist_tui.engine.session import run_sweep
    yield partial(run_sweep, control=control)


@contextmanager
def _workers(jobs: int, on: str, control: PoolControl) -> Iterator[Training]:
    """Train in worker processes; PyTorch is loaded only there."""
    from mnist_tui.engine import run_sweep

    if not on:
        yield partial(run_many, control=control, jobs=jobs, engine=run_sweep)
        return
    with closing(Cluster(on, home())) as cluster:
        yield partial(run_many, control=control, jobs=jobs, engine=run_sweep, cluster=cluster)
