"""A run goes on from its last saved state, in the same or another process, however it ended."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from mnist_tui.api.snapshot import Moment, moment_of, restore, saved
from mnist_tui.core.events import RunContinued
from mnist_tui.core.status import Status
from mnist_tui.errors import StoreError, UsageError
from tests.api.conftest import Optimizer, Weights, points, script, stored
from tests.patience import PATIENCE_S

LOOP = """
    import random, sys, time, mnist_tui
    class Weights:
        value = 0.0
        def state_dict(self): return {"value": self.value}
        def load_state_dict(self, state): self.value = state["value"]
    weights, stop_at = Weights(), float(sys.stdin.readline())
    resume = sys.stdin.readline().strip()
    with mnist_tui.init("loop", config={"seed": 1}, epochs=4, state={"weights": weights}, resume=resume) as run:
        print(run.id, run.epoch, run.step, weights.value, flush=True)
        for epoch in run.epochs():
            for step in run.steps(50):
                weights.value += 1.0
                run.log(loss=weights.value, noise=random.random())
                time.sleep(0.002)
                if run.step == stop_at:
                    print("now", flush=True)
                    time.sleep(600)
            run.log({"val/loss": 1 / weights.value})
"""


def begun(home, stop_at, resume=""):
    """Start the loop in another process; it says `now` at a step, or ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LOOP)],
        env={**os.environ, "MNIST_TUI_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    child.stdin.write(f"{stop_at}\n{resume}\n")
    child.stdin.flush()
    return child


def test_a_killed_script_is_interrupted_at_once_and_goes_on_from_its_last_state(home):
    with begun(home, 120) as child:
        first = child.stdout.readline().split()
        assert child.stdout.readline() == "now\n"
        assert stored(home).status is Status.RUNNING
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE_S)
        found = stored(home)
        assert (found.status, found.epochs_done) == (Status.INTERRUPTED, 2)
    with begun(home, 0, "last") as child:
        out, _ = child.communicate(timeout=PATIENCE_S)
    again = out.split()
    assert again[0] == first[0]
    epoch, step, value = int(again[1]), int(again[2]), float(again[3])
    assert epoch in (1, 2), "saved at most once a second"
    assert step == value == 50 * epoch
    found = stored(home)
    assert (found.status, found.epochs_done) == (Status.FINISHED, 4)
    assert [round(1 / epoch.value("val/loss")) for epoch in found.history] == [50, 100, 150, 200]
    assert points(home, "loss") == [(step, float(step)) for step in range(1, 201)]
    (mark,) = (mark for mark in found.marks if isinstance(mark, RunContinued))
    assert mark.epoch == epoch
    assert any("void after step" in change for change in mark.differs)


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_loses_half_a_second_at_most_and_no_told_epoch(home, seed):
    with begun(home, 0) as child:
        child.stdout.readline()
        begin = time.monotonic()
        time.sleep(random.Random(seed).uniform(0, 0.4))
        child.kill()
        child.wait(PATIENCE_S)
        lived_s = time.monotonic() - begin
    found = stored(home)
    assert found.status is Status.INTERRUPTED
    kept = points(home, "loss")
    assert kept == [(step, float(step)) for step in range(1, len(kept) + 1)]
    assert len(kept) >= 50 * found.epochs_done
    assert len(kept) <= lived_s / 0.002 + 1
    with begun(home, 0, "last") as child:
        child.communicate(timeout=PATIENCE_S)
    if child.returncode:
        assert found.epochs_done == 0, "without a saved state there is nothing to go on from"
    else:
        assert stored(home).epochs_done == 4
        assert points(home, "loss") == [(step, float(step)) for step in range(1, 201)]


def test_a_finished_run_can_get_more_epochs(begin, home):
    weights = Weights()
    with begin(epochs=2, config={"lr": 0.1}, state={"weights": weights}) as run:
        for epoch in run.epochs():
            weights.value = epoch
    fresh = Weights()
    with begin(epochs=4, config={"lr": 0.2}, state={"weights": fresh}, resume=run.id) as again:
        assert (again.id, again.epoch, fresh.value) == (run.id, 2, 2)
        assert list(again.epochs()) == [3, 4]
    found = stored(home)
    assert (found.epochs_done, found.epochs) == (4, 4)
    assert "lr: 0.1, now 0.2" in found.differs


def test_the_environment_can_name_the_run_to_resume(begin, home, monkeypatch):
    with begin(epochs=1, state={"weights": Weights()}) as run:
        list(run.epochs())
    monkeypatch.setenv("MNIST_TUI_RESUME", run.id)
    with begin(epochs=2, state={"weights": Weights()}) as again:
        assert again.id == run.id


def test_a_rate_that_was_changed_after_the_state_was_saved_is_set_again(begin, home, remote, monkeypatch):
    monkeypatch.setattr("mnist_tui.api.saving.SAVE_EACH_S", 600.0)
    optimizer = Optimizer(0.1)
    with begin(epochs=3, state={"optimizer": optimizer}) as run:
        for epoch in run.epochs():
            if epoch == 2:
                assert remote.tell("rate", 0.3) == ""
                list(run.steps(2))
                break
    fresh = Optimizer(0.1)
    with begin(epochs=3, state={"optimizer": fresh}, resume="last"):
        assert fresh.param_groups[0]["lr"] == 0.3


def test_steps_without_epochs_go_on_at_their_step(begin, home):
    with begin(state={"weights": Weights()}) as run:
        for _ in run.steps(10):
            if run.step == 4:
                run.save()
                break
    seen = []
    with begin(state={"weights": Weights()}, resume="last") as again:
        seen += [(item, again.step) for item in again.steps(10)]
    assert seen[0] == (4, 5)
    assert seen[-1] == (9, 10)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"resume": "unknown"}, "there is no run"),
        ({"resume": "plain", "state": {"weights": Weights()}}, "no saved state"),
        ({"resume": "saved", "state": {"other": Weights()}}, "has no other"),
        ({"resume": "saved", "state": {"weights": Optimizer(0.1)}}, "does not fit"),
    ],
)
def test_what_cannot_be_resumed_says_why(begin, home, options, why):
    with begin("plain"):
        pass
    with begin("saved", epochs=1, state={"weights": Weights()}) as run:
        list(run.epochs())
    with pytest.raises(UsageError, match=why):
        begin(**options)
    assert stored(home, "saved").status is Status.FINISHED, "nothing was changed"


def test_a_run_in_progress_is_not_resumed_twice(begin, home):
    with begin("one", epochs=2, state={"weights": Weights()}) as run:
        next(run.epochs())
        run.save()
        out = script(home, "import mnist_tui; mnist_tui.init(resume='one')", check=False)
        assert "is in progress in another process" in out.stderr


def test_every_part_of_a_state_comes_back_with_pytorch():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    data = saved({"model": model, "optimizer": optimizer}, Moment(3, 70))
    expected = torch.rand(2).tolist(), random.random(), float(np.random.rand())
    other = torch.nn.Linear(3, 2)
    again = torch.optim.Adam(other.parameters())
    restore({"model": other, "optimizer": again}, data)
    assert moment_of(data) == Moment(3, 70)
    assert torch.equal(other.weight, model.weight)
    assert again.state_dict()["state"][0]["step"] == 1
    assert (torch.rand(2).tolist(), random.random(), float(np.random.rand())) == expected
    with pytest.raises(StoreError, match="cannot be read"):
        restore({"model": other}, data[: len(data) // 2])


def test_states_without_pytorch_hold_arrays_and_plain_values(home):
    script(
        home,
        """
        import random, sys, numpy as np
        from mnist_tui.api.snapshot import Moment, moment_of, restore, saved
        class Part:
            def __init__(self, state): self.state = state
            def state_dict(self): return self.state
            def load_state_dict(self, state): self.state = state
        part = Part({"w": np.arange(6.0).reshape(2, 3), "n": 3, "deep": [{"b": np.array([True])}], "text": "ä"})
        data, other = saved({"part": part}, Moment(1, 2)), Part(None)
        expected = random.random(), np.random.rand()
        restore({"part": other}, data)
        assert (random.random(), np.random.rand()) == expected
        assert moment_of(data) == Moment(1, 2)
        assert np.array_equal(other.state["w"], part.state["w"]) and other.state["deep"][0]["b"].dtype == bool
        assert (other.state["n"], other.state["text"]) == (3, "ä")
        assert "torch" not in sys.modules
        """,
    )


def test_points_at_steps_of_its_own_are_not_void_after_a_resume(begin, home):
    weights = Weights()
    with begin(epochs=2, state={"weights": weights}) as run:
        for epoch in run.epochs():
            for number in range(3):
                run.log(loss=1.0, step=100 * epoch + number)
    with begin(epochs=3, state={"weights": Weights()}, resume="last") as again:
        for epoch in again.epochs():
            again.log(loss=1.0, step=100 * epoch)
    assert [step for step, _ in points(home, "loss")] == [100, 101, 102, 200, 201, 202, 300]
    (mark,) = (mark for mark in stored(home).marks if isinstance(mark, RunContinued))
    assert not any("void" in change for change in mark.differs)


def test_a_rate_that_the_state_contains_is_not_set_again(begin, home, remote):
    optimizer = Optimizer(0.1)
    with begin(epochs=2, state={"optimizer": optimizer}) as run:
        for epoch in run.epochs():
            if epoch == 1:
                assert remote.tell("rate", 0.8) == ""
                list(run.steps(2))
                optimizer.param_groups[0]["lr"] = 0.2
                run.save()
                break
    fresh = Optimizer(0.1)
    with begin(state={"optimizer": fresh}, resume="last"):
        assert fresh.param_groups[0]["lr"] == 0.2


def test_rates_of_one_epoch_that_the_state_contains_are_not_set_again_however_often_it_is_resumed(begin, home, remote):
    optimizer = Optimizer(0.1)
    with begin(epochs=3, state={"optimizer": optimizer}) as run:
        next(run.epochs())
        for rate in (0.8, 0.4):
            assert remote.tell("rate", rate) == ""
            list(run.steps(2))
        run.save()
    second = Optimizer(0.1)
    with begin(state={"optimizer": second}, resume="last") as again:
        assert second.param_groups[0]["lr"] == 0.4
        next(again.epochs())
        second.param_groups[0]["lr"] = 0.2
        again.save()
    third = Optimizer(0.1)
    with begin(state={"optimizer": third}, resume="last"):
        assert third.param_groups[0]["lr"] == 0.2


def test_last_is_the_newest_run_of_this_script_and_project(begin, home):
    def run(project, **options):
        with begin(epochs=3, project=project, state={"weights": Weights()}, **options) as found:
            next(found.epochs())
            found.save()
        return found.id

    first, other = run("a"), run("b")
    assert run("a", resume="last") == first
    assert run("b", resume="last") == other
    with pytest.raises(UsageError, match="no run to resume"):
        run("c", resume="last")


def test_the_variable_resumes_one_run_of_a_script_that_trains_several(home):
    text = """
        import mnist_tui
        class Weights:
            def state_dict(self): return {}
            def load_state_dict(self, state): pass
        for number in range(2):
            with mnist_tui.init(epochs=2, state={"weights": Weights()}) as run:
                print(run.id, len(list(run.epochs())))
    """
    first = script(home, text).stdout.split()
    again = script(home, text, MNIST_TUI_RESUME="last").stdout.split()
    assert again[0] == first[2]
    assert again[2] not in first
    assert again[3] == "2"


def test_an_ordered_number_of_epochs_holds_after_a_resume(begin, home, remote):
    weights = Weights()
    with begin(epochs=3, state={"weights": weights}) as run:
        for epoch in run.epochs():
            if epoch == 1:
                assert remote.tell("epochs", 5) == ""
                list(run.steps(2))
            if epoch == 2:
                break
    with begin(epochs=3, state={"weights": Weights()}, resume="last") as again:
        assert list(again.epochs(3))[-1] == 5
    with begin(epochs=2, state={"weights": Weights()}, resume="last") as again:
        assert list(again.epochs()) == []
    assert (stored(home).epochs, stored(home).epochs_done) == (5, 5)


def test_a_run_that_could_not_be_resumed_can_be_tried_again(begin, home):
    with begin("one", epochs=1, state={"weights": Weights()}) as run:
        list(run.epochs())
    with pytest.raises(UsageError, match="has no other"):
        begin(resume="one", state={"other": Weights()})
    with begin(resume="one", epochs=2, state={"weights": Weights()}) as again:
        assert again.epoch == 1


def test_a_damaged_checkpoint_is_said_and_an_earlier_one_used(begin, home, capfd, monkeypatch):
    monkeypatch.setattr("mnist_tui.api.saving.SAVE_EACH_S", 0.0)
    with begin("one", epochs=2, state={"weights": Weights()}) as run:
        list(run.epochs())
    newest = max((home / "checkpoints" / run.id).iterdir())
    newest.write_bytes(b"damaged")
    with begin(resume="one", epochs=2, state={"weights": Weights()}) as again:
        assert again.epoch == 1
    assert "damaged or missing" in capfd.readouterr().err
