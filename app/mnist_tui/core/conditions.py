"""What a run was trained on: the data and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """The data of a run.

    Attributes:
        name: Identifier: `mnist`, `digits`, ...; for the user's own data the name of its folder or file.
        label: Display name, such as `8x8 digits (not MNIST)`.
        n_train, n_validation, n_test: Images per part.
        sha256: Digest of all pixels and labels, whichever files they were read from.
        source: Where it was read from.
        note: Why this dataset was used instead of MNIST, and how to get MNIST; empty without a fallback.
        classes: Class names, by number; empty for a run recorded by an older version.
        side: Width and height of an image; 0 for a run recorded by an older version.
        channels: 1 for grey images, 3 for colour ones.
        framing: How drawings are framed for it, see `core.drawing`; empty if drawing makes no sense.
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
    channels: int = 1
    framing: str = "mass"

    @property
    def shape(self) -> str:
        """The size of an image in words: `28x28`, `32x32 colour`."""
        return f"{self.side}x{self.side}{' colour' if self.channels > 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine and software that trained a run.

    Attributes:
        device: `cpu`, `cuda` or `mps`.
        device_name: Name of the processor or GPU.
        threads: CPU threads used for training.
        backend: `compiled` or `torch`.
        host: Host name.
        system: Operating system.
        versions: Version of each package that can affect results.
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
        """The number of threads if it can affect results; `None` for the compiled step, where it cannot."""
        return None if self.backend == "compiled" else self.threads

    def differences(self, before: Machine) -> tuple[str, ...]:
        """Return the differences from another machine that can affect results: device, backend, threads, versions."""
        threads = before.deciding_threads, self.deciding_threads
        values = [
            ("device", before.device_name, self.device_name),
            ("backend", before.backend, self.backend),
            *([("threads", *threads)] if None not in threads else []),
            *((name, before.versions.get(name), self.versions[name]) for name in self.versions if name != "mnist-tui"),
        ]
        return tuple(f"{name}: {old}, now {new}" for name, old, new in values if old != new)


UNKNOWN_MACHINE: Final = Machine(device="", device_name="", threads=0, host="", system="", versions={})
"""Of runs whose machine nobody recorded."""
