"""Format statuses, numbers and text for display, the same in the app and on the console."""

from __future__ import annotations

import math
import unicodedata
from datetime import datetime
from typing import Final

from rich.cells import cell_len, set_cell_size

from mnist_tui.core.conditions import Machine
from mnist_tui.core.numerals import MINUS, count, fixed, percent, signed, time_digits
from mnist_tui.core.status import Status

NOTHING: Final = "–"
"""Placeholder for a missing value."""

_GLYPHS: Final = {
    Status.QUEUED: "▷",
    Status.RUNNING: "●",
    Status.PAUSED: "‖",
    Status.FINISHED: "✔",
    Status.STOPPED: "■",
    Status.DIVERGED: "≈",
    Status.FAILED: "✖",
    Status.OUT_OF_MEMORY: "▣",
    Status.INTERRUPTED: "!",
}
_STYLES: Final = {
    Status.QUEUED: "dim",
    Status.RUNNING: "cyan",
    Status.PAUSED: "yellow",
    Status.FINISHED: "green",
    Status.STOPPED: "yellow",
    Status.DIVERGED: "red",
    Status.FAILED: "red",
    Status.OUT_OF_MEMORY: "red",
    Status.INTERRUPTED: "yellow",
}
_JOINERS: Final = "\u200c\u200d"
"""Format characters that scripts and emoji need within a word; all others could reorder or hide text."""
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def status_text(status: Status) -> str:
    """Return a status with its symbol, such as `✔ finished`; each symbol is one cell wide."""
    return f"{status_sign(status)} {status}"


def status_sign(status: Status) -> str:
    """Return the symbol of a status, one cell wide."""
    return _GLYPHS[status]


def status_style(status: Status) -> str:
    """Return the Rich style of a status; the symbol in `status_text` conveys the same without colour."""
    return _STYLES[status]


def printable(text: str) -> str:
    """Return untrusted text as one line that is safe to print to a terminal.

    Whitespace becomes single spaces; control, format and surrogate characters become `\ufffd`.
    """
    return harmless(" ".join(text.split()))


def harmless(text: str) -> str:
    """Like `printable`, but keep spaces as they are."""
    if text.isprintable():
        return text
    return "".join(sign if _is_safe(sign) else "\ufffd" for sign in text)


def _is_safe(sign: str) -> bool:
    return sign in _JOINERS or unicodedata.category(sign) not in _UNSAFE


def short_id(run: str) -> str:
    """Return the last part of a run's id, which commands accept in place of the full id."""
    return printable(run.rpartition("-")[2])


def shortened(text: str, cells: int) -> str:
    """Truncate text to `cells` terminal cells, with an ellipsis if it was cut."""
    text = printable(text)
    return text if cell_len(text) <= cells else f"{set_cell_size(text, cells - 1).rstrip()}…"


def still_waiting(number: int) -> str:
    """Return how many runs are still queued after their process exited."""
    return f"{number:,} runs are still waiting" if number != 1 else "1 run is still waiting"


def format_duration(seconds: float | None) -> str:
    """Return a short duration: `0.4 s`, `4 s`, `1m12s`, `2h05m`, `3d04h`."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if not math.isfinite(seconds):
        return fixed(seconds, 0)
    if seconds < 0:
        return f"{MINUS}{format_duration(-seconds)}"
    if 0 < seconds < 0.05:
        return "<0.1 s"
    if 0.05 <= seconds < 0.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    hours = round(seconds / 3600)
    return f"{hours // 24}d{hours % 24:02}h" if hours < 24_000 else f"{seconds / 86_400:.3g}d"


def format_seconds(seconds: float | None) -> str:
    """Return a measured time with two decimals: `24.44 s`."""
    if seconds is None:
        return NOTHING
    return f"{fixed(seconds, time_digits(seconds))} s" if math.isfinite(seconds) else fixed(seconds, 0)


def format_percent(fraction: float | None, digits: int = 2) -> str:
    """Return a fraction as a percentage: `47.94%` for 0.4794."""
    if fraction is None:
        return NOTHING
    return f"{percent(fraction, digits)}%" if math.isfinite(100 * fraction) else fixed(100 * fraction, 0)


def format_points(points: float | None) -> str:
    """Return a change in percentage points with its sign: `+0.41`, `−0.03`."""
    if points is None:
        return NOTHING
    return signed(points, 2) if math.isfinite(points) else fixed(points, 0)


def format_reduction(share: float | None) -> str:
    """Return a relative error reduction with its sign: `+12.3%`, `−0.8%`."""
    if share is None:
        return NOTHING
    return f"{signed(100 * share, 1)}%" if math.isfinite(100 * share) else fixed(100 * share, 0)


def format_loss(loss: float | None) -> str:
    """Return a loss with four decimals: `1.3312`."""
    return NOTHING if loss is None else fixed(loss, 4)


def format_rate(images_per_s: float | None) -> str:
    """Return a speed with at most three digits: `812 img/s`, `8.1k img/s`, `1.2M img/s`."""
    if images_per_s is None or not math.isfinite(images_per_s) or images_per_s <= 0:
        return f"{NOTHING} img/s"
    if images_per_s < 999.5:
        return f"{images_per_s:.0f} img/s"
    thousands = images_per_s / 1e3
    number, unit = (thousands, "k") if thousands < 999.5 else (thousands / 1e3, "M")
    return f"{fixed(number, 1 if number < 99.95 else 0)}{unit} img/s"


def format_device(machine: Machine) -> str:
    """Return a device as `cuda`, or `cpu, compiled, 2 threads`."""
    if machine.device != "cpu":
        return printable(machine.device)
    backend = "compiled, " if machine.backend == "compiled" else ""
    return f"cpu, {backend}{count(machine.threads, 'thread')}"


def format_moment(iso: str) -> str:
    """Return an ISO 8601 time as local date and time, such as `2026-03-01 14:05`; other text unchanged."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return printable(iso) or NOTHING
