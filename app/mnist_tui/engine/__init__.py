"""The engine: settings in, events out. PyTorch lives here and nowhere else.

Importing this package is cheap; PyTorch is loaded when the first event after `Preparing` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, Preparing
from mnist_tui.core.insight import Classifier
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec


def load_classifier(checkpoint: bytes) -> Classifier:
    """Return the network of a checkpoint; see `mnist_tui.engine.classifier.load_classifier`. Loads PyTorch."""
    from mnist_tui.engine import classifier

    return classifier.load_classifier(checkpoint)


def warm_up() -> None:
    """Load what training needs before it is asked for: PyTorch, and the compiled loops beside it."""
    compile_early([RunSpec()])
    from mnist_tui.engine import session as session


def compile_early(specs: Iterable[RunSpec]) -> None:
    """Begin to compile, if any of these runs may need it; PyTorch, which tells later, takes seconds to load."""
    if any(spec.backend != "torch" and spec.device in ("auto", "cpu") for spec in specs):
        from mnist_tui.engine.compiling import compilation

        compilation().begin()


def run_sweep(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[Event]:
    """Train run after run; see `mnist_tui.engine.session.run_sweep`. Says first that PyTorch is being loaded."""
    yield Preparing(message="loading PyTorch")
    from mnist_tui.engine import session

    yield from session.run_sweep(queue, control)
