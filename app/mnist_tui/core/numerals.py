"""Formats measured numbers: 99.998 % is not rounded up to 100 %, nor a short time down to 0."""

from __future__ import annotations

import math

MINUS = "−"
"""Minus sign for display; machine-readable formats keep the hyphen."""


def fixed(number: float, digits: int) -> str:
    """Return a number with `digits` decimals, or in scientific notation if very large; zero has no sign."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else f"{MINUS}∞"
    text = f"{abs(number):.{digits}f}" if abs(number) < 1e7 else f"{abs(number):.3g}"
    return f"{MINUS}{text}" if number < 0 and float(text) else text


def signed(number: float, digits: int) -> str:
    """Return a change with its sign: `+0.41`, `−0.03`, `0.00`."""
    text = fixed(number, digits)
    return f"+{text}" if number > 0 and text.strip("0.") else text


def percent(fraction: float, digits: int) -> str:
    """Return a fraction as a percentage without the % sign; never rounded up to 100.

    Args:
        fraction: 0.4794 for `47.94`.
        digits: Decimals.
    """
    number = 100 * fraction
    return fixed(min(number, 100 - 10.0**-digits) if fraction < 1 else number, digits)


def count(number: int, noun: str) -> str:
    """Return a count with its noun: `1 run`, `1,200 runs`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def time_digits(time_s: float) -> int:
    """Return the number of decimals for a time in seconds: two, or four for times below 0.01 s."""
    return 4 if 0 < time_s < 0.01 else 2
