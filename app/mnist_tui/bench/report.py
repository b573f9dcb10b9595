"""Benchmark output: a table followed by a description of the machine and an explanation, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mnist_tui.bench.measurement import Measurement
from mnist_tui.core.codec import dumps
from mnist_tui.core.numerals import count
from mnist_tui.report.fitting import TextColumn, print_fitting
from mnist_tui.report.formatting import NOTHING, format_percent, format_rate, printable
from mnist_tui.report.listing import unfolded

BUSY_LOAD: Final = 0.5
"""Load per core above which other programs distort the measurements."""
MOSTLY: Final = 0.5


def write_json(record: Mapping[str, Any], out: Console) -> None:
    """Write one JSON line."""
    out.file.write(dumps(record) + "\n")
    out.file.flush()


def print_report(machine: Mapping[str, Any], measurements: Sequence[Measurement], out: Console) -> None:
    """Print all measurements as a table and explain them."""
    unfolded(out)
    print_fitting(_columns(measurements), out)
    out.line()
    for line in (*describe(machine), *explain(measurements)):
        out.print(Text(printable(line)))


def _columns(measurements: Sequence[Measurement]) -> list[TextColumn]:
    widths = [NOTHING if m.features is None else str(m.features) for m in measurements]
    return [
        TextColumn("Measurement", [Text(m.what) for m in measurements]),
        TextColumn("Features", [Text(width) for width in widths], right=True, gives_way=1),
        TextColumn("Median", [Text(_value(m, m.median)) for m in measurements], right=True),
        TextColumn("Range", [Text(_spread(m)) for m in measurements], right=True, gives_way=2),
        TextColumn("Target", [_reach(m) for m in measurements]),
    ]


def _spread(m: Measurement) -> str:
    if len(m.samples) == 1:
        return NOTHING
    return f"{_value(m, min(m.samples))} – {_value(m, max(m.samples))}"


def _reach(m: Measurement) -> Text:
    if m.reach is None:
        return Text("")
    words = f"{'at least' if m.at_least else 'at most'} {_value(m, m.reach)}"
    return Text(f"✔ {words}", "green") if m.reached else Text(f"✖ {words}", "red")


def _value(m: Measurement, value: float) -> str:
    if m.name.endswith("_ratio"):
        return f"{value:.2f}x"
    if m.name.endswith("_bytes"):
        return f"{value / 1024**2:.0f} MiB"
    if m.name.endswith("_share"):
        return format_percent(value)
    if m.name.endswith(("_per_h", "events_per_s")):
        return f"{value:,.0f}"
    if m.name.endswith("_per_s"):
        return format_rate(value)
    if m.name.endswith("_ms"):
        return _milliseconds(value / 1000)
    return f"{value:.2f} s" if value >= 1 else _milliseconds(value)


def _milliseconds(seconds: float) -> str:
    if seconds < 1e-4:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1000 * seconds:.3g} ms" if seconds < 0.0995 else f"{1000 * seconds:.0f} ms"


def describe(machine: Mapping[str, Any]) -> Iterator[str]:
    """Describe the machine, device, versions and data of the measurements."""
    yield f"Machine: {machine['processor']}, {machine['cores']} cores usable, {machine['system']}."
    device = "the CPU" if machine["device"] == "cpu" else f"{machine['device']} ({machine['device_name']})"
    free = f"{count(machine['free_cores'], 'core')} free"
    yield f"Trained on {device}, with {free}; the plain loop with its best thread count."
    yield f"Versions: {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}."
    if "dataset" in machine:
        data = machine["dataset"]
        yield f"Data: {data['label']}, {data['n_train']:,} training and {data['n_validation']:,} validation images."
        if data["note"]:
            yield f"{data['note']}."
    if machine["load"] > BUSY_LOAD * machine["cores"]:
        yield (
            f"Other programs were running at the start (load {machine['load']:.1f} on {machine['cores']} cores): times "
            "are longer than on an idle machine and ratios less reliable; multithreaded work suffers most."
        )


def explain(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Explain where the time goes, and which targets were missed."""
    for features in dict.fromkeys(m.features for m in measurements if m.features is not None):
        found = {m.name: m for m in measurements if m.features == features}
        yield from (f"At {features} features {sentence}" for sentence in _limits(found))
    asked = [m for m in measurements if m.reached is not None]
    missed = [m.what + (f" at {m.features} features" if m.features else "") for m in asked if not m.reached]
    if missed:
        yield f"Met {len(asked) - len(missed)} of {len(asked)} targets; missed: {'; '.join(missed)}."
    elif asked:
        yield f"Met all {len(asked)} targets." if len(asked) > 1 else "Met the target."


def _limits(found: Mapping[str, Measurement]) -> Iterator[str]:
    """Explain what limits training at one width, from the parts that were measured."""
    if "engine_images_per_s" in found:
        batch = 64 / found["engine_images_per_s"].median
        step = min(found["engine_one_image_step_ms"].median / 1000, batch)
        share = step / batch
        limit = "fixed overhead" if share > MOSTLY else "computation"
        yield (
            f"a batch of 64 takes the engine {_milliseconds(batch)} and a step with one image {_milliseconds(step)}, "
            f"so {format_percent(share, 0)} of the time is fixed overhead: {limit} is the bottleneck."
        )
    if "plain_images_per_s" in found:
        batch = 64 / found["plain_images_per_s"].median
        load = min(found["plain_loading_ms"].median / 1000, batch)
        yield (
            f"the plain loop takes {_milliseconds(batch)} per batch, {_milliseconds(load)} "
            f"({format_percent(load / batch, 0)}) of it to load 64 images one by one."
        )
    for part in ("headless", "app"):
        if f"{part}_to_engine_ratio" in found:
            name = "store and checkpoints" if part == "headless" else "screen, store and checkpoints"
            epoch = _added(found[f"{part}_to_engine_ratio"])
            run = _added(found[f"{part}_to_engine_run_ratio"])
            yield f"{name} add {epoch} to an epoch and {run} to a whole run."


def _added(m: Measurement) -> str:
    """Return the added time in percent, or that it is within noise."""
    low, high = min(m.samples), max(m.samples)
    if len(m.samples) == 1:
        return f"{_percent(m.median)} (measured once)"
    spread = f"{_percent(low)} to {_percent(high)}"
    return f"{_percent(m.median)} ({spread})" if low > 1 else f"nothing beyond noise ({spread})"


def _percent(quotient: float) -> str:
    return f"{100 * (quotient - 1):+.1f}%".replace("-", "−")
