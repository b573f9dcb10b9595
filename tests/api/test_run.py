"""A loop is recorded as it logs, and ends as it ends."""

import argparse
import dataclasses
import math

import numpy as np
import pytest
import torch

import mnist_tui
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction, Unit
from mnist_tui.errors import UsageError
from mnist_tui.store.lock import is_held
from tests.api.conftest import points, script, stored


def test_a_loop_of_epochs_and_steps_is_recorded(begin, home):
    with begin("wide", config={"lr": 0.1, "seed": 3}, epochs=2, project="toys", tags=["a", "b"]) as run:
        for epoch in run.epochs():
            for batch in run.steps([1.0, 2.0, 3.0]):
                run.log(loss=batch * epoch)
            run.log({"val/accuracy": 0.4 + 0.1 * epoch})
        run.log({"test/accuracy": 0.55})
    found = stored(home, "wide")
    assert found.status is Status.FINISHED
    assert (found.epochs_done, found.epochs, found.last.step) == (2, 2, 6)
    assert [dict(epoch.values) for epoch in found.history] == [
        {"loss": 2.0, "val/accuracy": 0.5},
        {"loss": 4.0, "val/accuracy": pytest.approx(0.6)},
    ], "an epoch has what was logged for it, and the mean of what was logged at its steps"
    assert points(home, "loss") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 2.0), (5, 4.0), (6, 6.0)]
    assert found.results == {"test/accuracy": 0.55}
    assert (found.best.epoch, found.primary.name) == (2, "val/accuracy")
    assert found.result.last == {"loss": 4.0, "val/accuracy": pytest.approx(0.6), "test/accuracy": 0.55}
    assert found.result.best["loss"] == 2.0
    assert (found.script.config, found.script.project) == ({"lr": 0.1, "seed": 3}, "toys")
    assert (found.spec.seed, found.labels.name, found.labels.tags) == (3, "wide", ("a", "b"))


def test_without_epochs_and_steps_each_call_is_a_step(begin, home):
    with begin() as run:
        for number in range(5):
            run.log({"loss": number}, grad=0.5)
    assert points(home, "loss") == [(step, step - 1.0) for step in range(1, 6)]
    assert points(home, "grad")[-1] == (5, 0.5)
    found = stored(home)
    assert (found.status, found.epochs_done, found.result.last) == (Status.FINISHED, 0, {"loss": 4.0, "grad": 0.5})


def test_steps_may_be_logged_in_any_order(begin, home):
    with begin() as run:
        for step, value in ((5, 0.5), (1, 0.1), (3, 0.3), (1, 0.11)):
            run.log(step=step, loss=value)
    assert points(home, "loss") == [(1, 0.11), (3, 0.3), (5, 0.5)]


def test_scalars_of_every_kind_are_numbers(begin, home):
    values = {
        "int": 3,
        "bool": True,
        "numpy": np.float32(0.5),
        "array": np.array([2.5]),
        "tensor": torch.tensor(1.5, requires_grad=True),
        "half": torch.tensor([0.25], dtype=torch.bfloat16),
        "huge": 10**400,
        "nan": math.nan,
    }
    with begin() as run:
        run.log(values)
    expected = {"int": 3, "bool": 1, "numpy": 0.5, "array": 2.5, "tensor": 1.5, "half": 0.25, "huge": math.inf}
    assert {name: points(home, name)[0][1] for name in expected} == expected
    assert math.isnan(points(home, "nan")[0][1])


def test_an_epoch_is_on_disk_when_the_next_one_begins(begin, home):
    with begin(epochs=3) as run:
        for epoch in run.epochs():
            run.log(loss=1.0)
            if epoch > 1:
                assert stored(home).epochs_done == epoch - 1


def test_a_loop_that_is_left_early_keeps_the_epoch_if_it_was_complete(begin, home):
    with begin(epochs=10) as run:
        for epoch in run.epochs():
            for _ in run.steps(3):
                run.log(loss=1.0)
            if epoch == 2:
                break
    assert (stored(home).status, stored(home).epochs_done) == (Status.FINISHED, 2)
    with begin(epochs=10) as run:
        for epoch in run.epochs():
            for step in run.steps(3):
                run.log(loss=1.0)
                if epoch == 2 and step == 1:
                    break
            if epoch == 2:
                break
    assert (stored(home).status, stored(home).epochs_done) == (Status.FINISHED, 1)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("a\nlong\nstory"), Status.FAILED, "ValueError: a … story"),
        (KeyboardInterrupt(), Status.STOPPED, ""),
        (SystemExit(1), Status.FAILED, "SystemExit: 1"),
    ],
)
def test_an_exception_says_how_the_run_ended(begin, home, error, status, reason):
    def loop():
        with begin(epochs=3) as run:
            for epoch in run.epochs():
                if epoch == 2:
                    raise error
                run.log(loss=1.0)

    with pytest.raises(type(error)):
        loop()
    found = stored(home)
    assert (found.status, found.result.reason, found.epochs_done) == (status, reason, 1)


def test_what_a_name_does_not_say_can_be_declared(begin, home):
    with begin(epochs=2, metrics={"val/odd": "max"}) as run:
        run.metric("speed", goal="max", unit="fraction")
        for epoch in run.epochs():
            run.log({"val/loss": 1 / epoch, "val/odd": -epoch, "speed": 0.5})
    found = stored(home)
    assert (found.primary.name, found.best.epoch) == ("val/odd", 1)
    speed = next(metric for metric in found.metrics if metric.name == "speed")
    assert (speed.goal, speed.unit) == (Direction.HIGHER, Unit.FRACTION)
    for wrong in ({"goal": "up"}, {"unit": "m"}):
        with pytest.raises(UsageError, match="must be one of"):
            run.metric("speed", **wrong)


def test_settings_come_as_mappings_namespaces_and_dataclasses(begin, home):
    @dataclasses.dataclass
    class Settings:
        rate: float = 0.1
        model: dict[str, object] = dataclasses.field(default_factory=lambda: {"width": 8, "act": torch.relu})

    for config in (Settings(), argparse.Namespace(**dataclasses.asdict(Settings())), dataclasses.asdict(Settings())):
        with begin(config=config):
            pass
        found = stored(home).script.config
        assert (found["rate"], found["model.width"]) == (0.1, 8)
        assert "relu" in found["model.act"]
    with pytest.raises(UsageError, match="must be a mapping"):
        begin(config=[1])
    with pytest.raises(UsageError, match="larger than 64 kB"):
        begin(config={"text": "x" * 70_000})


def test_wrong_use_is_said_once_and_ends_nothing(begin, home, capfd):
    with begin(epochs=1) as run:
        for _ in run.epochs():
            for _ in run.steps(3):
                run.log({"text": "high", "list": [1, 2], "tensor": torch.ones(2), "": 1.0, "a\nb": 1.0, "loss": 0.5})
            run.log(loss=1.0, step=-1)
    run.log(loss=2.0)
    run.log(loss=2.0)
    run.finish()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 6, said
    for what in ("'high'", "shape (2,)", "not a name", "whole number from 0", "after the run had ended"):
        assert any(what in line for line in said), what
    assert [value for _, value in points(home, "loss")] == [0.5, 0.5, 0.5]


def test_a_thousand_names_are_enough(begin, home, capfd):
    with begin() as run:
        for number in range(1_010):
            run.log({f"m{number}": 1.0})
    assert "only 1,000 different names" in capfd.readouterr().err
    assert len(stored(home).metrics) == 1_000


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"epochs": True}, {"name": "last"}, {"tags": ["a=b"]}, {"state": {"m": 1}}, {"resume": True}],
)
def test_invalid_values_are_refused_before_anything_is_recorded(begin, home, options):
    with pytest.raises(UsageError):
        begin(**options)
    assert not home.exists()


def test_without_a_home_the_loop_goes_on_and_one_line_says_so(begin, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    with begin(home=tmp_path / "file", epochs=2) as run:
        for _ in run.epochs():
            for _ in run.steps(2):
                run.log(loss=1.0)
    assert run.epoch == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "Nothing of this run is recorded" in line


def test_two_runs_of_one_process_are_two_runs(begin, home):
    with begin("outer") as outer, begin("inner") as inner:
        outer.log(loss=1.0)
        inner.log(loss=2.0)
        mnist_tui.log(loss=3.0)
    assert points(home, "loss", "outer") == [(1, 1.0)]
    assert points(home, "loss", "inner") == [(1, 2.0), (2, 3.0)]


def test_a_run_that_nobody_finished_ends_with_its_process(home):
    script(home, "import mnist_tui; run = mnist_tui.init(); run.log(loss=1.0)")
    assert stored(home).status is Status.FINISHED
    script(home, "import mnist_tui; run = mnist_tui.init(epochs=3); next(run.epochs())")
    assert stored(home).status is Status.STOPPED
    script(home, "import mnist_tui; mnist_tui.init(); mnist_tui.log(loss=1.0); mnist_tui.finish()")
    assert stored(home).status is Status.FINISHED
    failed = script(home, "import mnist_tui; run = mnist_tui.init(); run.log(loss=1.0); 1 / 0", check=False)
    assert "ZeroDivisionError" in failed.stderr
    assert (stored(home).status, stored(home).result.reason) == (Status.FAILED, "ZeroDivisionError: division by zero")


def test_scripts_without_pytorch_do_not_load_it(home):
    script(
        home,
        """
        import sys, mnist_tui
        with mnist_tui.init(epochs=1) as run:
            for epoch in run.epochs():
                run.log(loss=1.0)
        assert not {"torch", "textual", "numpy"} & set(sys.modules), set(sys.modules)
        """,
    )
    assert stored(home).status is Status.FINISHED


def test_only_the_first_rank_reports(home):
    text = "import mnist_tui; run = mnist_tui.init(); run.log(loss=1.0); run.finish(); print(repr(run.id))"
    for name in ("RANK", "SLURM_PROCID"):
        assert script(home, text, **{name: "1"}).stdout == "''\n"
    assert not home.exists()
    assert script(home, text, RANK="0").stdout != "''\n"


def test_a_forked_process_is_silent_and_holds_nothing(home):
    out = script(
        home,
        """
        import os, sys, time, mnist_tui
        run = mnist_tui.init(epochs=1)
        for epoch in run.epochs():
            for step in run.steps(3):
                run.log(loss=1.0)
                if step == 1 and (child := os.fork()) == 0:
                    run.log(loss=5.0)
                    run.finish()
                    sys.stdin.read()
                    sys.exit()
        print(run.id)
        """,
    )
    assert points(home, "loss") == [(1, 1.0), (2, 1.0), (3, 1.0)]
    assert not is_held(home, out.stdout.strip())


def test_a_cell_that_is_run_again_makes_a_new_run(begin, home, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ipykernel", object())
    first, second = begin("cell"), begin("cell")
    assert first.id != second.id
    assert stored(home, first.id).status is Status.STOPPED
