"""What the callbacks of frameworks share: options, and a run that begins when training does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnist_tui.api import Run, init


class RunCallback:
    """Stands in front of a framework's class of callbacks.

    Args:
        name: What to call the run.
        config: Its settings; by default those that the framework knows.
        project: Runs of different projects are not compared.
        tags: Words to find it by.
        metrics: Goals by the names of metrics; see `mnist_tui.init`.
    """

    def __init__(
        self,
        name: str = "",
        *,
        config: Any = None,
        project: str = "",
        tags: Iterable[str] = (),
        metrics: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._run: Run | None = None
        self._config = config
        self._options: dict[str, Any] = {"name": name, "project": project, "tags": tuple(tags), "metrics": metrics}

    def _begin(self, config: Mapping[str, Any], epochs: int | None, can: Iterable[str]) -> Run:
        """Begin the run.

        Args:
            config: Its settings, if the user gave none.
            epochs: Epochs to train; `None` if unknown.
            can: Orders that it obeys.
        """
        config = config if self._config is None else self._config
        return init(resume=None, config=config, epochs=epochs, can=tuple(can), **self._options)
