"""The commands that watch and control a run of another process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.events import EpochDone, EpochsChanged, Event, RateChanged, RunDone, RunPaused, RunResumed
from mnist_tui.core.orders import WITH_VALUE, Order, order_from_json
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.setting import shown
from mnist_tui.core.status import Status
from mnist_tui.errors import OrderError, RunError, UsageError
from mnist_tui.report.console import ConsoleView
from mnist_tui.report.formatting import printable
from mnist_tui.store.database import Store
from mnist_tui.store.home import home
from mnist_tui.store.lock import is_held
from mnist_tui.streams import say
from mnist_tui.wire.client import Watch, watches
from mnist_tui.wire.lines import read_event

TAKEN_S: Final = 60.0
"""How long to wait for the process that takes a run over: PyTorch is loaded there first."""
LOOK_S: Final = 0.2
"""How often to look for it."""
OBEYED_S: Final = 30.0
"""How long to wait until an accepted order takes effect, after a batch or a validation."""


def follow(name: str | None, *, as_json: bool) -> int:
    """Follow the training of another process to its end, even if a third one takes it over; return the exit code.

    Args:
        name: Id or name of the run; `None` for the one in progress.
        as_json: Write JSON lines.

    Raises:
        UsageError: It is not in progress, or several are.
        RunError: The process exited unexpectedly, or no process took over.
    """
    state = SessionState()
    with ConsoleView(0, as_json=as_json) as view:
        with _watched(name) as (watch, _):
            goes_on = _show(watch, state, view)
        while goes_on:
            with closing(_successor(state)) as watch:
                goes_on = _show(watch, state, view)
    return 0


def _show(watch: Watch, state: SessionState, view: ConsoleView) -> bool:
    """Show all events of a process to its end; return whether its runs continue in another one."""
    for record in watch.records():
        if record.get("type") == "bye":
            return bool(record.get("goes_on"))
        if (event := _event(record)) is not None:
            state.apply(event)
            view.show(_completed(event, state), state)
    left = state.current or "RUN"
    raise RunError("the training process exited unexpectedly", f"`mnist-tui resume {left}` continues the run")


def _completed(event: Event, state: SessionState) -> Event:
    """Return an epoch with the values derived from the previous one, which are not sent; other events unchanged."""
    run = state.runs.get(event.run) if isinstance(event, EpochDone) else None
    if run is None or not isinstance(event, EpochDone) or not 0 < event.epoch <= len(run.history):
        return event
    return run.history[event.epoch - 1]


def _successor(state: SessionState) -> Watch:
    """Wait for the process that takes over the runs that were stopped for it."""
    ended = {name for name, run in state.runs.items() if run.status is Status.STOPPED}
    last = time.monotonic() + TAKEN_S
    while time.monotonic() < last:
        for watch in watches(home()):
            if ended.intersection(watch.runs):
                return watch
            watch.close()
        time.sleep(LOOK_S)
    left = state.current or "RUN"
    raise RunError(
        "the run was handed over, but no process has picked it up", f"`mnist-tui resume {left}` continues it"
    )


def in_progress(name: str | None) -> str:
    """Return the id of a run that another process trains; arguments and errors as for `follow`."""
    with _watched(name) as (watch, run):
        return run or next(iter(watch.runs), "")


def tell(name: str, kind: str, value: str | None, *, after_epoch: bool) -> int:
    """Send one order to a run, wait until it takes effect, and return the exit code.

    Args:
        name: Id or name of the run.
        kind: One of `core.orders.KINDS`.
        value: With `epochs` and `rate` the number, else `None`.
        after_epoch: Stop or skip at the end of the epoch; do not wait for that.

    Raises:
        UsageError: There is no such run in progress, or the order is invalid.
        OrderError: The order was rejected, or nothing confirmed it in time.
    """
    with _watched(name) as (watch, run):
        order = _order(run, kind, value, after_epoch=after_epoch)
        state = SessionState()
        for record in watch.records(OBEYED_S):
            if record.get("type") == "told":
                break
            if (event := _event(record)) is not None:
                state.apply(event)
        if order.kind == "epochs" and (known := state.runs.get(run)) is not None and order.value < known.begun:
            begun = f"{known.begun:,}"
            raise OrderError(f"the run {run} is already in epoch {begun}", f"Ask for {begun} or more")
        watch.tell(order)
        said = _wait(watch, order, state)
    say(f"{run}: {said}.", out=True)
    return 0


def _wait(watch: Watch, order: Order, state: SessionState) -> str:
    """Return the effect of an order, as text; what happens before its answer is the effect of another one."""
    is_answered = False
    for record in watch.records(OBEYED_S):
        if record.get("type") == "answer":
            if not record.get("obeyed"):
                raise OrderError(printable(str(record.get("reason"))), "`mnist-tui runs` shows how the run stands")
            if (said := _said_at_once(order, state)) is not None:
                return said
            is_answered = True
        elif (event := _event(record)) is not None and getattr(event, "run", "") == order.run:
            state.apply(event)
            if not is_answered:
                continue
            match event:
                case RunPaused() if order.kind == "pause":
                    return f"paused in epoch {event.epoch}"
                case RunResumed() if order.kind == "resume":
                    return f"resumed in epoch {event.epoch}"
                case EpochsChanged() if order.kind == "epochs" and event.epochs in (order.value, event.epoch):
                    return f"now trains to {event.epochs} epochs"
                case RateChanged() if order.kind == "rate" and event.learning_rate == order.value:
                    known = state.runs.get(order.run)
                    more = ", if it gets that many" if known is not None and event.epoch > known.epochs else ""
                    return f"learning rate {event.learning_rate:g} from epoch {event.epoch} on{more}"
                case RunDone():
                    end = f"{event.status} after {event.epochs_done} epochs"
                    if order.kind in ("stop", "skip"):
                        return end
                    raise OrderError(f"the run {order.run} {end}, before it could obey", "`mnist-tui show` shows it")
    raise OrderError("the order was received, but nothing confirms it yet", "Check again in a moment")


def _said_at_once(order: Order, state: SessionState) -> str | None:
    """Return the reply to an accepted order that waits for the end of an epoch, or changes nothing; else `None`."""
    run = state.runs.get(order.run)
    match order.kind:
        case "stop" | "skip" if order.after_epoch:
            return "ends when this epoch is done"
        case "rate" if run is not None and run.network is None:
            return f"learning rate {order.value:g} from the next step on"
        case "save":
            return "is saved at the next step"
        case "epochs" if run is not None and run.network is None and run.status is Status.PAUSED:
            return f"will train to {order.value:g} epochs"
        case "pause" if run is not None and run.status is Status.PAUSED:
            return "is already paused"
        case "resume" if run is not None and run.status is Status.RUNNING:
            return "is not paused"
        case "epochs" if run is not None and run.epochs == order.value:
            return f"already trains to {run.epochs} epochs"
    return None


def _order(run: str, kind: str, value: str | None, *, after_epoch: bool) -> Order:
    """Return the order given on the command line."""
    if (value is not None) != (kind in WITH_VALUE):
        example = f"mnist-tui tell RUN {kind} {'20' if kind == 'epochs' else '0.0003'}"
        raise UsageError(
            f"{kind} needs a number" if kind in WITH_VALUE else f"{kind} takes no number",
            f"For example: {example}" if kind in WITH_VALUE else f"Use `mnist-tui tell RUN {kind}`",
        )
    if after_epoch and kind not in ("stop", "skip"):
        raise UsageError("--after-epoch goes with stop and skip")
    record: dict[str, Any] = {"type": "order", "kind": kind, "run": run, "after_epoch": after_epoch}
    if value is not None:
        try:
            record["value"] = float(value)
        except ValueError:
            raise UsageError(f"{shown(value)} is not a number") from None
    return order_from_json(record)


def _event(record: dict[str, Any]) -> Event | None:
    """Return the event in a record; `None` if it is not an event, or from a newer version."""
    try:
        return read_event(record)
    except ValueError:
        return None


@contextmanager
def _watched(name: str | None) -> Iterator[tuple[Watch, str]]:
    """Connect to the process that trains a run; without a name, to the only training process."""
    place = home()
    run = None
    if name is not None:
        with Store.open_readonly(place) as store:
            run = store.id_of(name)
    found = []
    for watch in watches(place):
        found.append(watch)
        if run is None:
            continue
        if run in watch.runs:
            found = [watch]
            break
        watch.close()
        found.pop()
    try:
        if len(found) > 1:
            runs = ", ".join(run for watch in found for run in watch.runs)
            raise UsageError(f"{len(found)} processes are training: {runs}", "Name a run")
        if not found:
            raise _not_there(place, run)
        yield found[0], run or ""
    finally:
        for watch in found:
            watch.close()


def _not_there(place: Path, run: str | None) -> UsageError:
    if run is None:
        return UsageError("nothing is in progress", "`mnist-tui run` trains, `mnist-tui runs` lists past runs")
    if is_held(place, run):
        message = f"the run {run} is in progress, but its process cannot be reached"
        return UsageError(message, "Control it from its own terminal")
    return UsageError(f"the run {run} is not in progress", f"`mnist-tui show {run}` shows it")
