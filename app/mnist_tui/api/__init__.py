"""What `import mnist_tui` offers to scripts: a run that is recorded, watched and steered."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mnist_tui.api import origin, ranks
from mnist_tui.api.control import ScriptControl
from mnist_tui.api.items import Place
from mnist_tui.api.rates import optimizers, set_rate
from mnist_tui.api.recording import Recorder
from mnist_tui.api.run import ALIVE, GOALS, Run
from mnist_tui.api.snapshot import Moment, check_state, moment_of, restore
from mnist_tui.api.steered import Stopped
from mnist_tui.api.values import as_step, flattened
from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.events import Event, RateChanged, RunContinued, RunStarted, now
from mnist_tui.core.labels import Labels, as_name, as_tags
from mnist_tui.core.numerals import count
from mnist_tui.core.orders import KINDS, SAVE
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.setting import check_int
from mnist_tui.core.spec import new_run_id
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store.database import Store
from mnist_tui.store.home import home as default_home
from mnist_tui.streams import say

__all__ = ["Run", "Stopped", "finish", "init", "log"]

RESUME: Final = "MNIST_TUI_RESUME"
"""Environment variable that names a run to resume, where the script does not."""


def init(
    name: str = "",
    *,
    config: Any = None,
    epochs: int | None = None,
    state: Mapping[str, Any] | None = None,
    resume: str | None = "",
    project: str = "",
    tags: Iterable[str] = (),
    metrics: Mapping[str, str] | None = None,
    set_rate: Callable[[float], object] | None = None,
    can: Collection[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Run:
    """Begin a run, or go on with one.

    If the home cannot be written, one line on stderr says so, and the run records nothing.

    Args:
        name: What to call the run; commands accept it.
        config: Its settings: a mapping, a namespace of argparse or a dataclass.
        epochs: Epochs to train, 1 to 100,000.
        state: What is saved so that the run can be resumed, by name: anything with `state_dict` and `load_state_dict`,
            such as models, optimizers and schedules.
        resume: The run to go on with: its id or name, or `last` for the newest of this script and project. What it
            logged after its last saved state is void. `None` never resumes, whatever MNIST_TUI_RESUME says.
        project: Runs of different projects are not compared.
        tags: Words to find it by.
        metrics: Goals by the names of metrics, `max`, `min` or `none`, where a name does not say which is better; the
            first with a goal decides which epoch is best.
        set_rate: Changes the learning rate, where no optimizer in `state` has it.
        can: The orders that the loop obeys, if not all: of `pause`, `resume`, `stop`, `epochs`, `rate`, `save`.
        home: Where to record it; by default MNIST_TUI_HOME, else the user's data folder.

    Raises:
        UsageError: A value is invalid, or the run cannot be resumed.
        StoreError: The run to resume is in progress elsewhere or damaged.
    """
    for what, text in (("name", name), ("project", project), ("resume", resume or "")):
        if not isinstance(text, str):
            raise UsageError(f"{what} must be text, not {type(text).__name__}")
    if state is not None and not isinstance(state, Mapping):
        raise UsageError("state must be a mapping", "Pass state={'model': model, 'optimizer': optimizer}")
    state = dict(state or {})
    check_state(state)
    if epochs is not None:
        epochs = as_step(epochs)
        check_int("epochs", epochs, 1, MAX_EPOCHS)
    labels = Labels(name=as_name(name), tags=as_tags([tags] if isinstance(tags, str) else map(str, tags or ())))
    orders = _orders(state, set_rate, can)
    goals = dict(metrics or {})
    for goal in goals.values():
        if goal not in GOALS:
            raise UsageError(f"goal must be one of {', '.join(GOALS)}, not {goal!r}")
    spec = ScriptSpec(
        config=flattened(config),
        epochs=epochs or 0,
        name=labels.name,
        project=project,
        source=origin.command(),
        path=origin.path(),
        can=orders,
    )
    control = ScriptControl(orders)
    wanted = _wanted(resume)
    folder = Path(home) if home is not None else default_home()
    place = Place()
    options: dict[str, Any] = {"state": state, "set_rate": set_rate, "is_resumed": bool(wanted)}
    if not ranks.is_first():
        if wanted:
            with Store.open_readonly(folder) as store:
                spec = replace(spec, epochs=_join(store, _run_to_resume(store, wanted, spec), spec, state, place))
        return Run(None, control, place, epochs=spec.epochs, **options)
    if origin.is_notebook():
        for earlier in list(ALIVE):
            earlier.finish("stopped", "another run was begun in this notebook")
    begin = _resuming(wanted, spec, state, place, set_rate) if wanted else _starting(spec, state)
    try:
        recorder = Recorder(folder, control, begin, place, None if wanted else labels)
    except StoreError as error:
        if wanted:
            raise
        say(f"mnist-tui: {error} Nothing of this run is recorded.")
        return Run(None, control, place, epochs=spec.epochs, **options)
    run = Run(recorder, control, place, epochs=recorder.state.epochs, **options)
    for name_of_metric, goal in goals.items():
        run.metric(name_of_metric, goal=goal, primary=goal != "none")
    if sys.stderr.isatty():
        say(f"mnist-tui: watch this run with `mnist-tui attach {run.id.rpartition('-')[2]}`.")
    return run


def _wanted(resume: str | None) -> str:
    """Return the run to resume; empty for a new one."""
    named = os.environ.get(RESUME, "")
    if resume is None and named:
        say(f"mnist-tui: {RESUME} is ignored: this framework goes on from its own checkpoint, in a new run.")
    if resume == "" and named:
        # It names one run: further ones of this process are new.
        del os.environ[RESUME]
    return "" if resume is None else resume or named


def log(values: Mapping[str, Any] | None = None, /, step: int | None = None, **more: Any) -> None:
    """Keep numbers of the newest run of this process; see `Run.log`."""
    if (run := _newest()) is not None:
        run.log(values, step, **more)


def finish(status: str = "finished", reason: str = "") -> None:
    """End the newest run of this process; see `Run.finish`."""
    if (run := _newest()) is not None:
        run.finish(status, reason)


def _newest() -> Run | None:
    return max(ALIVE, key=lambda run: run.number, default=None)


def _orders(
    state: Mapping[str, Any], set_rate: Callable[[float], object] | None, can: Collection[str] | None
) -> tuple[str, ...]:
    """Return the orders that a loop obeys."""
    has_rate = set_rate is not None or bool(optimizers(state.values()))
    if can is None:
        return ("pause", "resume", "stop", "epochs", *(["rate"] if has_rate else []), *([SAVE] if state else []))
    unknown = sorted(set(can).difference(KINDS))
    if unknown:
        raise UsageError(f"unknown order {unknown[0]!r}", f"Choose from {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in can)


def _starting(spec: ScriptSpec, state: Mapping[str, Any]) -> Callable[[Store, str], Event]:
    def begin(_: Store, session: str) -> Event:
        return RunStarted(
            run=new_run_id(),
            sweep=session,
            spec=spec,
            dataset=None,
            machine=origin.describe(state.values()),
            parameters=_parameters(state.values()),
            started_at=now(),
        )

    return begin


def _parameters(parts: Iterable[Any]) -> int | None:
    """Return the number of parameters of the models in a state; `None` if none has any."""
    models = [part for part in parts if callable(getattr(part, "parameters", None))]
    return sum(parameter.numel() for model in models for parameter in model.parameters()) if models else None


def _resuming(
    name: str,
    spec: ScriptSpec,
    state: Mapping[str, Any],
    place: Place,
    change_rate: Callable[[float], object] | None,
) -> Callable[[Store, str], Event]:
    def begin(store: Store, session: str) -> Event:
        run = _run_to_resume(store, name, spec)
        past = store.resume(run)
        started = past.started
        if started is None or not isinstance(started.spec, ScriptSpec):
            raise UsageError(f"the run {run} was not begun by a script", f"`mnist-tui resume {run}` resumes it")
        if past.checkpoint is None:
            step = "Pass state={...} to mnist_tui.init, so that it is saved" if not state else "Start a new run"
            raise UsageError(f"the run {run} has no saved state to go on from", step)
        for note in past.notes:
            say(f"mnist-tui: {note}")
        restore(state, past.checkpoint)
        moment = moment_of(past.checkpoint)
        _put_in(place, moment)
        epochs, points = store.void(run, moment.epoch, max(moment.highest, moment.step))
        rates = [event for event in past.story if isinstance(event, RateChanged)][moment.rate_changes :]
        if rates:
            # Set after the state was saved.
            (change_rate or _setter(state))(rates[-1].learning_rate)
        return RunContinued(
            run=run,
            sweep=session,
            epoch=moment.epoch,
            epochs=_epochs(store, run, started.spec, spec),
            differs=(
                *_void(epochs, points, moment.step),
                *_changes(started.spec, spec),
                *origin.describe(state.values()).differences(started.machine),
            ),
            continued_at=now(),
            story=past.story,
        )

    return begin


def _put_in(place: Place, moment: Moment) -> None:
    place.done, place.step, place.highest = moment.epoch, moment.step, moment.highest
    place.first_step = moment.step


def _epochs(store: Store, run: str, before: ScriptSpec, now_asked: ScriptSpec) -> int:
    """Return the number of epochs of a resumed run: a number that was ordered holds unless the script names another."""
    known = store.run(run)
    wanted = now_asked.epochs if now_asked.epochs not in (0, before.epochs) else known.epochs
    return max(wanted, known.epochs_done) if wanted else 0


def _join(store: Store, run: str, spec: ScriptSpec, state: Mapping[str, Any], place: Place) -> int:
    """Restore the state on a rank above 0, which records nothing; return the number of epochs."""
    found = store.newest_checkpoint(run)
    past = store.run(run)
    if found is None or past.script is None:
        raise UsageError(f"the run {run} has no saved state to go on from", "Start a new run")
    restore(state, found[2])
    _put_in(place, moment_of(found[2]))
    return _epochs(store, run, past.script, spec)


def _setter(state: Mapping[str, Any]) -> Callable[[float], object]:
    return lambda rate: set_rate(state.values(), rate)


def _run_to_resume(store: Store, name: str, spec: ScriptSpec) -> str:
    """Return the id of the run to resume: `last` is the newest of this script."""
    if name != "last":
        return store.id_of(name)
    for run in reversed(store.runs()):
        if run.script is not None and (run.script.path, run.script.project) == (spec.path, spec.project):
            return run.run
    raise UsageError("this script has no run to resume yet", "Start it without resume")


def _void(epochs: int, points: int, step: int) -> list[str]:
    lost = [count(epochs, "epoch")] if epochs else []
    lost += [count(points, "point")] if points else []
    return [f"void after step {step:,}: {' and '.join(lost)}"] if lost else []


def _changes(before: ScriptSpec, after: ScriptSpec) -> list[str]:
    keys = dict.fromkeys((*before.config, *after.config))
    values = ((key, before.config.get(key), after.config.get(key)) for key in keys)
    return [f"{key}: {old}, now {new}" for key, old, new in values if old != new]
