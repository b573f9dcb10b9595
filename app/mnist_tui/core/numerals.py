"""Measured numbers as text: 99.998 % is not rounded to 100 %, nor a short time to none."""

from __future__ import annotations

import math

MINUS = "−"
"""The sign that people read; machine formats keep the hyphen."""


def fixed(number: float, digits: int) -> str:
    """Return a number with so many decimals, very large ones by their exponent; a zero has no sign."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else f"{MINUS}∞"
    text = f"{abs(number):.{digits}f}" if abs(number) < 1e7 else f"{abs(number):.3g}"
    return f"{MINUS}{text}" if number < 0 and float(text) else text


def signed(number: float, digits: int) -> str:
    """Return a change with its sign: `+0.41`, `−0.03`, `0.00`."""
    text = fixed(number, digits)
    return f"+{text}" if number > 0 and text.strip("0.") else text


def percent(fraction: float, digits: int) -> str:
    """Return a fraction as a percentage without its sign; rounding never makes it 100.

    Args:
        fraction: 0.4794 for `47.94`.
        digits: Decimals.
    """
    number = 100 * fraction
    return fixed(min(number, 100 - 10.0**-digits) if fraction < 1 else number, digits)


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 run`, `1,200 runs`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def time_digits(time_s: float) -> int:
    """Return with how many decimals a time in seconds is written: two, or four where two would show nothing."""
    return 4 if 0 < time_s < 0.01 else 2
