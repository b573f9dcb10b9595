"""mnist-tui: watch, compare and steer training in the terminal; from a script, with three lines.

>>> with mnist_tui.init("wide", epochs=10, state={"model": model, "optimizer": optimizer}) as run:
...     for epoch in run.epochs():
...         for images, labels in run.steps(loader):
...             run.log(loss=train_on(images, labels))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mnist_tui.version import __version__

if TYPE_CHECKING:
    from mnist_tui.api import Run, Stopped, finish, init, log

__all__ = ["Run", "Stopped", "__version__", "finish", "init", "log"]
_CALLBACKS = ("lightning", "transformers", "keras", "ignite")


def __getattr__(name: str) -> Any:
    """Load what scripts use when they use it: the app and the command line do not need it."""
    if name in __all__:
        from mnist_tui import api

        return getattr(api, name)
    if name in _CALLBACKS:
        return import_module(f"mnist_tui.{name}")
    raise AttributeError(f"module 'mnist_tui' has no attribute {name!r}")
