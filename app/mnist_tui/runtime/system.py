"""System load: processor, memory, GPU. A probe never blocks or crashes the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        name: Its product name.
        load: Share of time it was busy, in [0, 1].
        memory_used_bytes, memory_total_bytes: Its memory.
    """

    name: str
    load: float
    memory_used_bytes: int
    memory_total_bytes: int


@dataclass(frozen=True, slots=True)
class SystemLoad:
    """One reading.

    Attributes:
        cpu: Share of all cores that is busy, in [0, 1].
        cores: Logical cores.
        process_bytes: Resident memory of this process.
        memory_used_bytes, memory_total_bytes: The computer's memory.
        gpu: The first GPU, or `None`.
    """

    cpu: float
    cores: int
    process_bytes: int
    memory_used_bytes: int
    memory_total_bytes: int
    gpu: Gpu | None


class SystemProbe:
    """Reads the load; the first CPU reading covers no time and is 0."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None
        self._gpu_works = True

    def read(self) -> SystemLoad:
        """Return the load since the last call."""
        # Imported after the first frame, which shows no load yet.
        import psutil

        self._process = self._process or psutil.Process()
        memory = psutil.virtual_memory()
        return SystemLoad(
            cpu=psutil.cpu_percent(interval=None) / 100,
            cores=psutil.cpu_count() or 1,
            process_bytes=self._process.memory_info().rss,
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            gpu=self._read_gpu() if self._gpu_works else None,
        )

    def _read_gpu(self) -> Gpu | None:
        import pynvml

        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name = pynvml.nvmlDeviceGetName(handle)
            load = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
        except pynvml.NVMLError:
            self._gpu_works = False
            return None
        return Gpu(str(name), load, int(memory.used), int(memory.total))
