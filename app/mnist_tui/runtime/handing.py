"""Hand runs on to other tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.curves import Curves
from mnist_tui.core.points import PointSeries
from mnist_tui.core.script import Scalar
from mnist_tui.core.setting import SettingValue
from mnist_tui.core.spec import SETTINGS
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.report.files import write_bytes_atomically
from mnist_tui.store.database import Store

_MOST: Final = 1000
"""Numbers that MLflow takes at a time."""
_TAG: Final = "mnist-tui.run"
_FOREIGN: Final = re.compile(r"[^\w\-. /]")
"""What MLflow refuses in names."""
_STATES: Final = {Status.FINISHED: "FINISHED", Status.STOPPED: "KILLED", Status.INTERRUPTED: "KILLED"}


def curves_of(store: Store, runs: Iterable[RunState]) -> list[Curves]:
    """Return runs with what they logged, which is read when it is needed."""
    return [Curves(run, store.point_names(run.run), partial(_points, store, run.run)) for run in runs]


def _points(store: Store, run: str, name: str) -> PointSeries:
    return store.points(run, name).series


def settings_of(run: RunState) -> Mapping[str, Scalar | SettingValue]:
    """Return the settings of a run by name, without those that are unset."""
    if run.script is not None:
        return {key: value for key, value in run.script.config.items() if value is not None}
    values = {one.key: getattr(run.network, one.key) for one in SETTINGS}
    return {key: value for key, value in values.items() if value not in (None, "")}


def to_tensorboard(runs: Sequence[Curves], folder: Path, *, force: bool) -> list[Path]:
    """Write each run as event files into a folder of its own; return these folders.

    Raises:
        UsageError: A folder exists already.
        MnistTuiError: A file cannot be written.
    """
    from mnist_tui.formats.eventfiles import MADE_BY, event_files, folder_name

    places: dict[Path, Curves] = {}
    for one in runs:
        name = folder_name(one.run.labels.name or one.run.run)
        place = folder / (name if folder / name not in places else folder_name(f"{name}-{one.run.run}"))
        if place.exists() and not force:
            raise UsageError(f"{place} already exists", "Choose another folder, or add --force to replace its files")
        places[place] = one
    for place, one in places.items():
        for old in place.rglob(f"*.{MADE_BY}.*"):
            # Of another run of this name, whose numbers would be mixed with these.
            old.unlink()
        for path, content in event_files(one, settings_of(one.run)).items():
            try:
                (place / path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise MnistTuiError(f"{place} cannot be created: {error.strerror or error}") from error
            write_bytes_atomically(place / path, content, force=force)
    return list(places)


def to_mlflow(runs: Sequence[Curves], address: str | None) -> int:
    """Add runs to MLflow unless they are there; return how many were added.

    Args:
        runs: The runs.
        address: A tracking URI; `None` for the one that MLflow is set up for.

    Raises:
        UsageError: MLflow is not installed.
        MnistTuiError: It refused the runs.
    """
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise UsageError("this needs the package mlflow", "Install it with `pip install mlflow`") from None
    try:
        client = MlflowClient(address)
        return sum(_add_to_mlflow(client, one) for one in runs)
    except Exception as error:
        raise MnistTuiError(f"MLflow refused the runs: {' '.join(str(error).split())[:200]}") from error


def _add_to_mlflow(client: Any, one: Curves) -> bool:
    """Add a run to MLflow; return False if it is there."""
    from mlflow.entities import Metric, Param

    run = one.run
    experiment = (run.script.project if run.script is not None else "") or "mnist-tui"
    known = client.get_experiment_by_name(experiment)
    place = known.experiment_id if known is not None else client.create_experiment(experiment)
    if client.search_runs([place], f"tags.`{_TAG}` = '{run.run}'", max_results=1):
        return False
    made = client.create_run(place, int(one.began * 1000), {_TAG: run.run}, run.labels.name or run.run).info.run_id
    try:
        settings = settings_of(run)
        keys = _plain_names(settings)
        params = [Param(keys[key], str(value)[:6000]) for key, value in settings.items()]
        for some in _by(params, 100):
            client.log_batch(made, params=some)
        numbers = list(_numbers(one))
        keys = _plain_names(dict.fromkeys(key for key, *_ in numbers))
        metrics = [Metric(keys[key], value, int(time * 1000), step) for key, value, time, step in numbers]
        for some in _by(metrics, _MOST):
            client.log_batch(made, metrics=some)
        client.set_terminated(made, _STATES.get(run.status, "FAILED"), int((one.began + run.elapsed_s) * 1000))
    except BaseException:
        # Nothing half-done stays behind.
        client.delete_run(made)
        raise
    return True


def _numbers(one: Curves) -> Iterator[tuple[str, float, float, int]]:
    """Yield name, value, time and step of everything a run logged."""
    for name, steps, values in one.series():
        for step, value, time in zip(steps, values, one.times(steps), strict=True):
            yield name, value, time, step
    last = one.run.step or one.run.epochs_done
    for name, value in one.whole.items():
        yield name, value, one.began + one.run.elapsed_s, last


def _plain_names(names: Iterable[str]) -> dict[str, str]:
    """Return names with the characters that MLflow takes, each another one."""
    found: dict[str, str] = {}
    for name in names:
        plain = _FOREIGN.sub("_", name)[:240]
        number = 1
        while plain in found.values():
            number += 1
            plain = f"{_FOREIGN.sub('_', name)[:240]}_{number}"
        found[name] = plain
    return found


def _by(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + most] for at in range(0, len(items), most))
