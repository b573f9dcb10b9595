"""What a run was trained on: the data and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """The data of a run.

    Attributes:
        name: `mnist` or `digits`, for machines.
        label: The name for people, such as `digits 8x8, not MNIST`.
        n_train, n_validation, n_test: Images per part.
        sha256: Digest of all pixels and labels, the same from whatever file they were read.
        source: Where it was read from.
        note: Why this dataset and not another, and how to get MNIST; empty when there is nothing to say.
        classes: Names of the classes, by number; empty where an older version wrote the run down.
        side: Width and height of an image; 0 likewise.
    """

    name: str
    label: str
    n_train: int
    n_validation: int
    n_test: int
    sha256: str
    source: str
    note: str = ""
    classes: tuple[str, ...] = ()
    side: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run was computed.

    Attributes:
        device: `cpu`, `cuda` or `mps`.
        device_name: The processor or GPU by its name.
        threads: CPU threads of the training.
        backend: `compiled` or `torch`: what trained it.
        host: Name of the computer.
        system: Operating system.
        versions: Version of each package that can change a number.
    """

    device: str
    device_name: str
    threads: int
    host: str
    system: str
    versions: Mapping[str, str]
    backend: str = "torch"

    @property
    def deciding_threads(self) -> int | None:
        """The number of threads where it can change a number; `None` for the compiled step, where it cannot."""
        return None if self.backend == "compiled" else self.threads

    def differences(self, before: Machine) -> tuple[str, ...]:
        """Return what can change the last bits of a number against another machine: device, threads, versions."""
        threads = before.deciding_threads, self.deciding_threads
        values = [
            ("device", before.device_name, self.device_name),
            ("backend", before.backend, self.backend),
            *([("threads", *threads)] if None not in threads else []),
            *((name, before.versions.get(name), self.versions[name]) for name in self.versions if name != "mnist-tui"),
        ]
        return tuple(f"{name}: {old}, now {new}" for name, old, new in values if old != new)
