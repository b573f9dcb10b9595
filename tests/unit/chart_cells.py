"""Charts that are drawn for a test, and what stands in their cells."""

import math

from mnist_tui.report.charts import DIM, Chart, rasterise
from mnist_tui.report.points import Series

FLAT = (0.5,) * 20
HOSTILE = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 1e-310, 0.0, -0.0, -1.0, None, 0.5)
ODD_LIMITS = (
    (1.0, 10.0),
    (1.0, 1.0),
    (5.0, 2.0),
    (3.25, 3.5),
    (-1e308, 1e308),
    (1e308, 1e308),
    (math.nan, 3.0),
    (-math.inf, math.inf),
)
ODD_Y_LIMITS = ((5e-324, 1e308), (5e-324, 1e-322), (1e308, 1.5e308), (0.0, 1e-100), (1.0, 0.0), (math.nan, 1.0))


def curve(y, ink=0, **options):
    values = {"name": f"curve {ink}", "x": tuple(float(epoch) for epoch in range(1, len(y) + 1))}
    return Series(**(values | options), y=tuple(y), ink=ink)


def chart(*series, **options):
    epochs = max((len(one.y) for one in series), default=10)
    return Chart(**({"title": "Loss", "x_limits": (1.0, float(epochs))} | options), series=series)


def lines(*arguments, **options):
    return ["".join(text for text, _ in row) for row in rasterise(*arguments, **options).rows]


def cells(*arguments):
    """Return one (character, ink) per cell."""
    return [[(character, ink) for text, ink in row for character in text] for row in rasterise(*arguments).rows]


def places_of(ink, *arguments):
    """Return row and column of the cells of this ink, columns counted from the y axis."""
    rows = cells(*arguments)
    start = margin(lines(*arguments))
    return {
        (row, column - start)
        for row, its in enumerate(rows)
        for column, (sign, found) in enumerate(its)
        if found % DIM == ink and not sign.isspace()
    }


def columns_of(ink, *arguments):
    return {column for _, column in places_of(ink, *arguments)}


def margin(drawn):
    """Return the number of cells left of the curves."""
    return next(line.index("└") for line in drawn if "└" in line) + 1


def rows_with(sign, drawn):
    return [at for at, line in enumerate(drawn) if sign in line]


def labels(drawn):
    return [line.partition("┤")[0].strip() for line in drawn if "┤" in line]


def braille(drawn):
    return sum("\u2801" <= sign <= "\u28ff" for line in drawn for sign in line)
