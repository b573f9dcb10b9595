"""What the app is given instead of importing it: the engine, and the services around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.core.layers import Layer
from mnist_tui.core.spec import RunSpec
from mnist_tui.runtime.classifier import Load
from mnist_tui.runtime.finder import Finding
from mnist_tui.runtime.session import Detach, Workers
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.worker import Engine


@dataclass(frozen=True, slots=True)
class Backends:
    """The engine, and the services around it.

    Attributes:
        engine: Settings in, events out. Called only in the training thread.
        load: Loads a classifier from a checkpoint, in a separate thread; `None` if drawings cannot be classified.
        warm_up: Preloads what training needs; called after the first frame, in a separate thread.
        workers: Trains several runs in parallel; `None` if that is not possible.
        cluster: The cluster that workers run on; `None` for this machine. On a cluster, workers train every run.
        detach: Hands a queue to a detached process, in a separate thread; `None` if that is not possible.
        layers: Returns the layers of a network from a checkpoint, channels and side of its images, in a separate
            thread; `None` if there are none.
        find_rate: Starts to look for a learning rate, in another process; `None` if that is not possible.
        data: Says which data the first run will have; `None` if that goes without saying.
        trains_elsewhere: What is started trains in a detached process, since this one may end at any time.
        opened: Home with copies of other tools' runs, which are shown instead of the user's own; they are only looked
            at, and nothing is trained.
    """

    engine: Engine
    load: Load | None = None
    warm_up: Callable[[], None] | None = None
    workers: Workers | None = None
    cluster: Cluster | None = None
    detach: Detach | None = None
    layers: Callable[[bytes, int, int], tuple[Layer, ...]] | None = None
    find_rate: Callable[[RunSpec], Finding] | None = None
    data: Callable[[], str] | None = None
    trains_elsewhere: bool = False
    opened: Path | None = None
