"""Runs a search: Optuna proposes settings and says which runs are hopeless; the runs themselves are ordinary ones.

What a search is and which runs it made is a small file in the home. Everything else that Optuna needs to know is read
from these runs, so that a search goes on after any end of its process, and nothing is written twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import EpochDone, Event, Notice, RunDone, RunStarted
from mnist_tui.core.labels import as_tags
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.search import Dimension, Search, SearchSpec, Trial
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError, RunError, UsageError
from mnist_tui.runtime.searches import write_search
from mnist_tui.store.claims import continuing
from mnist_tui.store.database import Store

if TYPE_CHECKING:
    import optuna

WARM_UP: Final = 5
"""Runs are pruned only after this share of their epochs, one fifth: the first ones say little."""
FIRST_TRIALS: Final = 5
"""Trials that end before any is pruned."""
_ATTEMPTS: Final = 200
"""How often a sampler may propose what was tried already."""
MOST_SILENT: Final = 3
"""Trials that may fail to begin, one after another, before a search gives up."""
_LOST: Final = (Status.FAILED, Status.OUT_OF_MEMORY)


def need_optuna() -> None:
    """Load Optuna; raise `UsageError` if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise UsageError("a search needs Optuna", 'Install it with pip install "mnist-tui[search]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def trials_of(store: Store, search: Search) -> list[Trial]:
    """Return the runs of a search that have begun, in order."""
    known = {run.run: deleted for deleted in (False, True) for run in store.runs(deleted=deleted)}
    found = []
    for name in search.runs:
        if name in known:
            run = store.run(name)
            if run.network is not None:
                # It may have finished before it heard that it was to stop.
                is_pruned = name in search.pruned and run.status is Status.STOPPED
                found.append(Trial(run, search.spec.params(run.network), is_pruned, known[name]))
    return found


def importances(search: Search, trials: Sequence[Trial]) -> dict[str, float]:
    """Return how much each setting matters to the objective, as shares of 1; empty with too few trials.

    Source: Watanabe et al., PED-ANOVA, 2023, in Optuna: it asks how settings of the better half of the trials differ
    from those of all.
    """
    import optuna

    study = _study(search.spec, 0)
    for trial in trials:
        if (past := _past(search.spec, trial)) is not None:
            study.add_trial(past)
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    if len(done) < FIRST_TRIALS or len(search.spec.dimensions) < 2:
        return {}
    try:
        return dict(optuna.importance.get_param_importances(study))
    except (ValueError, RuntimeError, ZeroDivisionError):
        # All values are the same.
        return {}


# Optuna -----------------------------------------------------------------------------------------------


def _study(spec: SearchSpec, begun: int) -> optuna.Study:
    import optuna

    # Another seed after each resumption, or the same settings would be proposed again.
    sampler = optuna.samplers.TPESampler(seed=(spec.base.seed + begun) % 2**32)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS)
    return optuna.create_study(
        sampler=sampler, pruner=pruner, direction="maximize" if spec.is_maximised else "minimize"
    )


def _distribution(one: Dimension) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    if one.choices:
        return distributions.CategoricalDistribution(one.choices)
    if one.is_whole:
        return distributions.IntDistribution(round(one.low), round(one.high), log=one.log)
    return distributions.FloatDistribution(one.low, one.high, log=one.log)


def _distributions(spec: SearchSpec) -> dict[str, optuna.distributions.BaseDistribution]:
    return {one.name: _distribution(one) for one in spec.dimensions}


def _past(spec: SearchSpec, trial: Trial) -> optuna.trial.FrozenTrial | None:
    """Return a run that is over as Optuna knows it; `None` if it is not, or not one of this search any more."""
    import optuna

    status, value = trial.run.status, trial.value(spec.objective)
    if not status.is_over or trial.is_open:
        return None
    state = optuna.trial.TrialState.COMPLETE if status is Status.FINISHED else optuna.trial.TrialState.PRUNED
    if status in _LOST or value is None:
        state = optuna.trial.TrialState.FAIL
    finite = {epoch: value for epoch, value in trial.values(spec.objective).items() if math.isfinite(value)}
    with suppress(ValueError):
        return optuna.trial.create_trial(
            params=dict(trial.params),
            distributions=_distributions(spec),
            value=value if state is optuna.trial.TrialState.COMPLETE else None,
            intermediate_values=finite,
            state=state,
        )
    return None


class Director:
    """Decides which runs a search makes next, and which end early.

    Args:
        home: Where the search is stored.
        search: The search.
        jobs: Runs that are trained in parallel.

    Attributes:
        own_s: Seconds that the search itself has taken, beside training.
    """

    def __init__(self, home: Path, search: Search, jobs: int = 1) -> None:
        self._home, self.search, self._jobs = home, search, jobs
        self._spec = search.spec
        self._asked: dict[str, optuna.trial.Trial] = {}
        self._newest: dict[str, tuple[int, float]] = {}
        self._again: list[str] = []
        self._tried: set[RunSpec] = set()
        self._silent: set[str] = set()
        self._control: TrainingControl | None = None
        self._store: Store | None = None
        self.own_s = 0.0

    @property
    def likely(self) -> tuple[RunSpec, ...]:
        """Settings of runs that it may make, so that what they need can be loaded meanwhile."""
        return (self._spec.base,)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.own_s += time.perf_counter() - begun

    def queue(self, store: Store, session: str, control: TrainingControl) -> Iterator[QueuedRun]:
        """Yield runs as long as there are trials left: first those to go on with, then new ones.

        Args:
            store: Where runs are recorded.
            session: The session that trains them.
            control: The control of the training.
        """
        self._store, self._control = store, control
        with self._timed():
            self._begin(store)
        for name in self._again:
            if control.queue_stopped:
                return
            try:
                queued = continuing(store, name)
            except MnistTuiError as error:
                store.tell(Notice(level="warning", message=str(error)))
                continue
            store.add_waiting((queued,), session)
            yield queued
        while len(self.search.runs) < self._spec.trials and not control.queue_stopped:
            if len(self._silent) >= self._jobs + MOST_SILENT:
                message = f"{MOST_SILENT} trials in a row failed to start. The search was stopped."
                store.tell(Notice(level="error", message=message, exit_code=RunError.exit_code))
                return
            with self._timed():
                proposed = self._propose()
            if proposed is None:
                store.tell(Notice(level="information", message="Every combination of these settings has been tried."))
                return
            store.add_waiting((proposed,), session)
            yield proposed

    def _begin(self, store: Store) -> None:
        trials = trials_of(store, self.search)
        # Runs that were never begun are proposed again.
        self._keep(replace(self.search, runs=tuple(trial.run.run for trial in trials)))
        self._study = _study(self._spec, len(trials))
        for trial in trials:
            # Not the settings that it was trained with: workers add their number of threads.
            self._tried.add(self._spec.run(trial.params))
            if (past := _past(self._spec, trial)) is not None:
                self._study.add_trial(past)
            elif trial.is_open:
                self._again.append(trial.run.run)
                self._study.enqueue_trial(dict(trial.params))
                asked = self._asked[trial.run.run] = self._study.ask(_distributions(self._spec))
                for epoch, value in trial.values(self._spec.objective).items():
                    self._newest[trial.run.run] = epoch, value
                    asked.report(value, epoch)

    def _propose(self) -> QueuedRun | None:
        """Return a run that was not tried yet; `None` if there seems to be none left."""
        import optuna

        for _ in range(_ATTEMPTS):
            asked = self._study.ask(_distributions(self._spec))
            spec = self._spec.run(asked.params)
            if spec in self._tried:
                # The same settings and the same seed would give the same numbers.
                self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
                continue
            (queued,) = enqueue([spec])
            self._tried.add(spec)
            self._silent.add(queued.run)
            self._asked[queued.run] = asked
            self._keep(replace(self.search, runs=(*self.search.runs, queued.run)))
            return queued
        return None

    def _keep(self, search: Search) -> None:
        self.search = search
        write_search(self._home, search)

    def hear(self, event: Event) -> None:
        """Take note of an event of training; stops a run that is worse than the median of the others."""
        with self._timed():
            match event:
                case RunStarted():
                    self._silent.clear()
                    self._tag(event.run)
                case EpochDone() if event.run in self._asked:
                    self._hear_epoch(event.run, event.epoch, event.value(self._spec.objective))
                case RunDone():
                    self._end(event)

    def _hear_epoch(self, run: str, epoch: int, value: float) -> None:
        asked = self._asked[run]
        # Epochs after the last checkpoint are trained, and told, once more.
        known, _ = self._newest.get(run, (0, 0.0))
        if epoch > known:
            asked.report(value, epoch)
        self._newest[run] = max(epoch, known), value
        epochs = self._spec.run(asked.params).epochs
        may_end = max(1, epochs // WARM_UP) <= epoch < epochs
        if self._spec.prunes and may_end and asked.should_prune():
            self._prune(run)

    def _prune(self, run: str) -> None:
        reason = f"pruned by {self.search.name}: worse than the median of its runs"
        if run not in self.search.pruned and self._control is not None and self._control.skip(run, reason=reason):
            self._keep(replace(self.search, pruned=(*self.search.pruned, run)))

    def _tag(self, run: str) -> None:
        if self._store is not None:
            self._store.relabel([run], lambda now: replace(now, tags=as_tags([*now.tags, self.search.name])))

    def _end(self, event: RunDone) -> None:
        import optuna

        asked = self._asked.pop(event.run, None)
        if asked is None:
            return
        _, last = self._newest.pop(event.run, (0, math.nan))
        if event.status is Status.FINISHED and math.isfinite(last):
            self._study.tell(asked, last)
        elif event.status in _LOST:
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        elif event.run in self.search.pruned or event.status is Status.DIVERGED:
            self._study.tell(asked, state=optuna.trial.TrialState.PRUNED)


def standing(home: Path, search: Search) -> list[Trial]:
    """Return the runs of a search, without deleted ones, the best first; those without a value come last."""
    with Store.open_readonly(home) as store:
        trials = [trial for trial in trials_of(store, search) if not trial.is_deleted]
    spec = search.spec

    def rank(trial: Trial) -> tuple[bool, bool, float]:
        value = trial.value(spec.objective)
        # What was stopped early does not compete with what was trained to its end.
        return (
            trial.run.status is not Status.FINISHED,
            value is None,
            -(value or 0.0) * (1 if spec.is_maximised else -1),
        )

    return sorted(trials, key=rank)


def as_record(search: Search, trials: Sequence[Trial], shares: dict[str, float]) -> dict[str, Any]:
    """Return the standing of a search as plain values."""
    return {
        "type": "search",
        "name": search.name,
        "objective": search.spec.objective,
        "importances": shares,
        "trials": [
            {
                "run": trial.run.run,
                "status": trial.run.status,
                "pruned": trial.is_pruned,
                "params": trial.params,
                "value": trial.value(search.spec.objective),
                "test_accuracy": trial.run.result.test_accuracy if trial.run.result is not None else None,
            }
            for trial in trials
        ],
    }
