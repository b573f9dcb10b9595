"""CSV that spreadsheets read as it is meant: text is not run as a formula, and decimals may have a comma."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from mnist_tui.core.codec import to_json_value
from mnist_tui.report.formatting import harmless


def as_csv(rows: Iterable[Sequence[object]], *, decimal_comma: bool = False, end: str = "\r\n") -> str:
    """Return rows as RFC 4180 CSV.

    Args:
        rows: The heading and the rows; `None` is an empty cell.
        decimal_comma: Write `0,5` instead of `0.5`, with semicolons between cells.
        end: The end of a line.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if decimal_comma else ",", lineterminator=end)
    writer.writerows([_cell(value, decimal_comma=decimal_comma) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object, *, decimal_comma: bool) -> object:
    """Quote text that a spreadsheet would run as a formula; leave numbers unchanged but for their comma."""
    if isinstance(value, float):
        value = to_json_value(value)
        if isinstance(value, float):
            return repr(value).replace(".", ",") if decimal_comma else value
        return value
    value = "".join(map(_harmless, value)) if isinstance(value, str) else value
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and value != "-inf":
        return f"'{value}"
    return value


def _harmless(sign: str) -> str:
    # Readers quote line breaks; anything else that steers a terminal is of no use in a table.
    return sign if sign in "\t\r\n" else harmless(sign)
