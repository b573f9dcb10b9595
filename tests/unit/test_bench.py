import gzip
import io
import struct
from contextlib import ExitStack

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text
from torch.utils.data import DataLoader

from mnist_tui.bench.measurement import Measurement, percentile_95, ratio
from mnist_tui.bench.plain import open_parts, plain_model
from mnist_tui.bench.report import explain, print_report
from mnist_tui.engine.model import build_model

MACHINE = {
    "processor": "Example CPU",
    "cores": 2,
    "load": 0.1,
    "device": "cpu",
    "device_name": "Example CPU",
    "system": "Linux",
    "free_cores": 2,
    "versions": {"torch": "2.15.0"},
}


def idx(count, *shape):
    """Return an IDX file of zeros."""
    sizes = (count, *shape)
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + bytes(torch.Size(sizes).numel())


def write_mnist(root, *, packed):
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        for name, content in (("images-idx3", idx(6, 28, 28)), ("labels-idx1", idx(6))):
            path = folder / f"{part}-{name}-ubyte"
            if packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
    return folder


def app_to_engine(*samples):
    """Return what is measured of the app beside the engine at 2 features, as ratios."""
    return [
        Measurement("app_to_engine_ratio", "app : engine", samples, 2, 1.03),
        Measurement("app_to_engine_run_ratio", "app : engine, whole run", samples, 2),
    ]


@pytest.mark.parametrize("features", [1, 2, 8, 33])
def test_the_plain_loop_trains_the_same_network_as_the_engine(features):
    plain, ours = plain_model(features), build_model(features, 10, seed=1)
    assert [p.shape for p in plain.parameters()] == [p.shape for p in ours.parameters()]
    assert sum(p.numel() for p in plain.parameters()) == ours.parameter_count
    images = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for copy, weight in zip(plain.parameters(), ours.parameters(), strict=True):
            copy.copy_(weight)
        torch.testing.assert_close(plain(images), ours(images))


@pytest.mark.parametrize("packed", [True, False])
def test_the_plain_loop_reads_mnist_packed_or_not_and_leaves_nothing(tmp_path, packed, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = write_mnist(tmp_path / "data", packed=packed)
    before = sorted(folder.iterdir())
    with ExitStack() as resources:
        train, validation = open_parts("mnist", str(folder), 2, resources)
        assert [len(list(DataLoader(part))) for part in (train, validation)] == [4, 2]
        assert train[0][0].shape == (1, 28, 28)
    assert sorted(folder.iterdir()) == before
    assert not list((tmp_path / "temporary").iterdir())


def test_a_ratio_compares_what_ran_side_by_side():
    above, below = Measurement("a_s", "a", (2.0, 9.0)), Measurement("b_s", "b", (1.0, 3.0))
    assert ratio("ratio", "a : b", above, below).samples == (2.0, 3.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_a_percentile_is_the_smallest_sample_that_enough_do_not_exceed(samples):
    found = percentile_95(samples)
    enough = 0.95 * len(samples)
    assert sum(sample <= found for sample in samples) >= enough
    assert sum(sample < found for sample in samples) < enough


@pytest.mark.parametrize(
    ("at_least", "median", "reached"), [(True, 5.0, True), (True, 3.0, False), (False, 5.0, False), (False, 3.0, True)]
)
def test_what_is_to_be_reached_may_lie_above_or_below(at_least, median, reached):
    assert Measurement("a_s", "a", (median,), reach=4.0, at_least=at_least).reached is reached


def test_what_cannot_be_told_from_noise_is_called_so():
    unsure, sure, once = (" ".join(explain(app_to_engine(*s))) for s in ((0.98, 1.02, 1.10), (1.05, 1.10), (1.10,)))
    assert "noise (−2.0% to +10.0%)" in unsure
    assert "+7.5% (+5.0% to +10.0%)" in sure
    assert "+10.0% (measured once" in once


def test_what_was_not_reached_is_named():
    *_, words = explain([*app_to_engine(1.2), Measurement("help_s", "mnist-tui --help", (0.1,), reach=0.3)])
    assert words == "Met 1 of 2 targets; missed: app : engine at 2 features."


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_report_fits_the_terminal(columns):
    out = io.StringIO()
    print_report(MACHINE, app_to_engine(1.0, 1.1), Console(file=out, force_terminal=True, width=columns))
    text = Text.from_ansi(out.getvalue()).plain
    assert "1.05x" in text
    assert max(len(line) for line in text.splitlines()) <= columns


@pytest.mark.parametrize(("load", "told"), [(0.1, False), (3.0, True)])
def test_a_busy_machine_is_told(load, told):
    out = io.StringIO()
    print_report(MACHINE | {"load": load}, app_to_engine(1.0), Console(file=out))
    assert ("Other programs were running" in out.getvalue()) is told
