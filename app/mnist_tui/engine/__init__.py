"""The engine: settings in, events out. Apart from the benchmarks, only this package imports PyTorch.

Importing it is cheap; PyTorch is loaded when the first event after `Preparing` is requested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, Preparing
from mnist_tui.core.insight import Classifier
from mnist_tui.core.layers import Layer
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec


def load_classifier(checkpoint: bytes) -> Classifier:
    """Return a classifier from a checkpoint; see `mnist_tui.engine.classifier.load_classifier`. Loads PyTorch."""
    from mnist_tui.engine import classifier

    return classifier.load_classifier(checkpoint)


def layers_of(checkpoint: bytes, channels: int, side: int) -> tuple[Layer, ...]:
    """Return the layers of a checkpoint's network; see `mnist_tui.engine.layers.layers_of`. Loads PyTorch."""
    from mnist_tui.engine import layers

    return layers.layers_of(checkpoint, channels, side)


def warm_up() -> None:
    """Preload what training needs: PyTorch, and in parallel the compiled loops."""
    compile_early([RunSpec()])
    from mnist_tui.engine import session as session


def compile_early(specs: Iterable[RunSpec]) -> None:
    """Start compiling if any of these runs may need it; waiting for PyTorch to decide would take seconds."""
    if any(spec.backend != "torch" and spec.device in ("auto", "cpu") and not spec.is_own for spec in specs):
        from mnist_tui.engine.compiling import compilation

        compilation().begin()


def run_sweep(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[Event]:
    """Train runs one after another; see `mnist_tui.engine.session.run_sweep`. First reports that PyTorch is loading."""
    yield Preparing(message="loading PyTorch")
    from mnist_tui.engine import session

    yield from session.run_sweep(queue, control)
