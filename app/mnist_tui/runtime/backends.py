"""What the app is handed, and never imports itself: who trains, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnist_tui.runtime.classifier import Load
from mnist_tui.runtime.session import Detach, Workers
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.worker import Engine


@dataclass(frozen=True, slots=True)
class Backends:
    """Who trains.

    Attributes:
        engine: Settings in, events out. Called in the training thread alone.
        load: What makes a network of a checkpoint, called in a thread of its own; `None`: drawings get no answer.
        warm_up: Loads what training needs; called behind the first frame, in a thread of its own.
        workers: What trains several runs in parallel; `None`: nothing does.
        cluster: Where those workers are; `None`: on this machine. On a cluster every run is trained by them.
        detach: Leaves a queue to a process of its own, called in a thread of its own; `None`: nothing can be left.
    """

    engine: Engine
    load: Load | None = None
    warm_up: Callable[[], None] | None = None
    workers: Workers | None = None
    cluster: Cluster | None = None
    detach: Detach | None = None
