"""A network from the user's own file: its contract, what may be executed, and what is as for the built-in one."""

import hashlib
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, Notice, RunDone, RunStarted
from mnist_tui.core.own import as_model, as_options, values_of
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.engine import load_classifier, run_sweep
from mnist_tui.engine.allowed import allow
from mnist_tui.engine.insight import POINTS
from mnist_tui.engine.own import Recipe, build_own
from mnist_tui.errors import RunError, UsageError
from mnist_tui.store.claims import Claims, continuing
from mnist_tui.store.database import Store

CODE = """
from torch import nn
from layers import block

class Net(nn.Module):
    def __init__(self, classes, channels, side, width=4, depth=1, name="relu"):
        super().__init__()
        self.body = nn.Sequential(*[block(channels if at == 0 else width, width) for at in range(depth)], nn.Flatten())
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(width * (side // 2**depth) ** 2, classes)

    def forward(self, images):
        return self.head(self.drop(self.body(images)))

class Narrow(nn.Module):
    def __init__(self, classes, channels, side):
        super().__init__()
        self.squeeze = nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, 2))
        self.out = nn.Linear(2, classes)

    def features(self, images):
        return self.squeeze(images)

    def forward(self, images):
        return self.out(self.squeeze(images))

class NoMap(nn.Module):
    def __init__(self, classes, channels, side):
        super().__init__()
        self.conv = nn.Conv2d(channels, classes, side)

    def forward(self, images):
        return self.conv(images).flatten(1)

class Small(NoMap):
    def forward(self, images):
        return super().forward(images)[:, :2]

class Frozen(NoMap):
    def forward(self, images):
        return super().forward(images).detach().requires_grad_()

class Crash(NoMap):
    def forward(self, images):
        raise ValueError("no\\nluck")

class Later(NoMap):
    def forward(self, images):
        if len(images) > 2:
            raise ValueError("no luck with many images")
        return super().forward(images)

class Quits(NoMap):
    def forward(self, images):
        raise SystemExit(0)

class Typed(NoMap):
    def __init__(self, classes: int, channels: int, side: int, width: int = 3):
        super().__init__(classes, channels, side)
        assert type(self).__init__.__annotations__["width"] is int

class NotOne:
    def __init__(self, classes, channels, side):
        pass
"""
LAYERS = """
from torch import nn

def block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))
"""


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch):
    monkeypatch.delenv("MNIST_TUI_MODELS", raising=False)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "layers.py").write_text(LAYERS)
    path = tmp_path / "net.py"
    path.write_text(CODE)
    return path


def spec_of(file, name="Net", options="", **settings):
    digest = allow(f"{file}:{name}")
    values: dict[str, Any] = {
        "epochs": 2,
        "dataset": "digits",
        "batch_size": 32,
        "learning_rate": 0.01,
        "threads": 1,
    } | settings
    return RunSpec(model=f"{file}:{name}", model_digest=digest, options=options, **values)


def run(spec):
    return list(run_sweep(enqueue([spec]), RunControl()))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def complaint(spec):
    (notice,) = of(run(spec), Notice)
    assert notice.level == "error"
    assert notice.exit_code == RunError.exit_code
    assert "\n" not in notice.message
    return notice.message


def test_a_strangers_network_is_trained_by_pytorch_and_its_parameters_are_counted(file):
    events = run(spec_of(file, options="width=6 depth=2", epochs=4))
    (started,), (done,) = of(events, RunStarted), of(events, RunDone)
    assert started.machine.backend == "torch"
    assert started.parameters == (6 * 9 + 6 + 12) + (36 * 9 + 6 + 12) + (6 * 49 * 10 + 10)
    assert done.status is Status.FINISHED
    assert done.test_accuracy is not None
    assert done.test_accuracy > 0.6
    assert not of(events, Notice)


def test_the_same_spec_gives_the_same_numbers_and_its_settings_others(file):
    losses = [
        [event.val_loss for event in of(run(spec), EpochDone)]
        for spec in (spec_of(file), spec_of(file), spec_of(file, options="width=5"), spec_of(file, seed=1))
    ]
    assert losses[0] == losses[1]
    assert len(set(map(tuple, losses))) == 3


def test_what_the_last_layer_gets_is_on_the_map(file):
    insight = of(run(spec_of(file, options="width=2")), EpochDone)[-1].insight
    assert insight is not None
    assert len(insight.center) == 2 * 14 * 14
    assert len(insight.points) == min(299, POINTS)
    assert insight.regions == b""


def test_features_that_a_network_names_are_on_the_map(file):
    insight = of(run(spec_of(file, "Narrow")), EpochDone)[-1].insight
    assert insight is not None
    assert len(insight.values[0]) == 2
    assert insight.points == insight.values


def test_a_network_without_features_has_a_matrix_and_no_map(file):
    insight = of(run(spec_of(file, "NoMap")), EpochDone)[-1].insight
    assert insight is not None
    assert sum(map(sum, insight.confusion)) == 299
    assert insight.points == insight.labels == ()


@pytest.mark.parametrize("look", ["between", "within"])
def test_a_run_goes_on_bit_for_bit(file, tmp_path, look):
    spec = spec_of(file, epochs=3)

    def trained(home, queued, until):
        with Store.open(home) as store:
            events = store.recorded(run_sweep(Claims(store, [queued]), RunControl()))
            for event in events:
                if until(event):
                    break
            del events

    trained(tmp_path / "whole", QueuedRun("run-1", spec), lambda event: False)
    end = (lambda event: isinstance(event, EpochDone) and event.epoch == 2) if look == "between" else None
    control = RunControl()
    if end is None:
        with Store.open(tmp_path / "cut") as store:
            events = store.recorded(run_sweep(Claims(store, [QueuedRun("run-1", spec)]), control))
            for event in events:
                if isinstance(event, RunStarted):
                    control.pause()
                elif type(event).__name__ == "RunPaused":
                    break
            del events
    else:
        trained(tmp_path / "cut", QueuedRun("run-1", spec), end)
    with Store.open_readonly(tmp_path / "cut") as store:
        again = continuing(store, "run-1")
    trained(tmp_path / "cut", again, lambda event: False)
    found = []
    for home in ("whole", "cut"):
        with Store.open_readonly(tmp_path / home) as store:
            run_ = store.run("run-1")
            found.append([(e.train_loss, e.val_loss, e.val_accuracy) for e in run_.history])
            assert run_.status is Status.FINISHED
    assert found[0] == found[1]


def test_a_checkpoint_classifies_only_where_its_code_is_allowed(file, tmp_path, monkeypatch):
    checkpoint = of(run(spec_of(file)), EpochDone)[-1].checkpoint
    assert checkpoint is not None
    guess = load_classifier(checkpoint)(bytes(28 * 28))
    assert sum(guess.probabilities) == pytest.approx(1, abs=1e-5)
    # As in a new process: neither loaded nor allowed.
    monkeypatch.delenv("MNIST_TUI_MODELS", raising=False)
    for name in [name for name in sys.modules if name.startswith("_mnist_tui_")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(RunError, match=r"is code in .*net.py.*--model"):
        load_classifier(checkpoint)


def test_code_that_nobody_named_is_not_executed(tmp_path):
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    digest = hashlib.sha256(trap.read_bytes()).hexdigest()
    spec = RunSpec(model=f"{trap}:Net", model_digest=digest, dataset="digits", epochs=1)
    assert "Allow it to be executed with --model" in complaint(spec)
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_changed_since_is_not_executed(file):
    spec = spec_of(file)
    file.write_text(CODE + "\nopen('sprung', 'w')\n")
    assert "net.py has changed since the run was queued" in complaint(spec)
    file.unlink()
    assert "net.py cannot be read" in complaint(spec)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("Missing", "", "net.py has no class Missing. It has Net, Narrow, NoMap"),
        ("Net", "widht=3", "Net has no setting widht. It has width, depth, name"),
        ("Net", "width=-1", "Net cannot be made: "),
        ("Small", "", "forward must return logits of shape (2, 10) for 2 images, not (2, 2)"),
        ("Frozen", "", "no parameter of Frozen has a gradient"),
        ("Crash", "", "Crash cannot be made: ValueError: no luck"),
        ("NotOne", "", "it is not a torch.nn.Module"),
    ],
)
def test_a_class_that_does_not_fulfil_the_contract_is_told_in_one_sentence(file, name, options, reason):
    assert reason in complaint(spec_of(file, name, options))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Net(", "SyntaxError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_in_one_sentence(file, code, reason):
    file.write_text(code)
    message = complaint(spec_of(file))
    assert "net.py cannot be loaded" in message
    assert reason in message


def test_an_error_of_the_network_ends_its_run_and_not_the_queue(file):
    events = list(run_sweep(enqueue([spec_of(file, "Later"), spec_of(file, "NoMap")]), RunControl()))
    first, second = of(events, RunDone)
    assert first.status is Status.FAILED
    assert "no luck with many images" in first.reason
    assert second.status is Status.FINISHED


def test_a_network_that_would_end_the_program_ends_its_run_alone(file):
    assert "called sys.exit()" in complaint(spec_of(file, "Quits"))


def test_code_is_compiled_as_python_would(file):
    assert of(run(spec_of(file, "Typed", epochs=1)), RunDone)[0].status is Status.FINISHED


def test_a_last_batch_of_one_image_is_tried_before_the_run_begins(file):
    assert 1199 % 599 == 1
    file.write_text(CODE.replace("nn.Flatten())", "nn.Flatten(), nn.BatchNorm1d(width * (side // 2) ** 2))"))
    assert "Expected more than 1 value per channel" in complaint(spec_of(file, batch_size=599))
    assert not of(run(spec_of(file, batch_size=600, epochs=1)), Notice)


def test_the_recorded_digest_is_that_of_the_file_and_any_name_may_be_allowed(tmp_path):
    folder = tmp_path / "a:b, c"
    folder.mkdir()
    path = folder / "net.py"
    path.write_bytes(CODE.replace("from layers import block", "").replace("\n", "\r\n").encode())
    spec = spec_of(path, "NoMap", epochs=1)
    assert spec.model_digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert of(run(spec), RunDone)[0].status is Status.FINISHED


def test_the_search_path_and_the_global_generator_are_left_as_they_were(file):
    spec = spec_of(file)
    before, state = list(sys.path), torch.random.get_rng_state()
    build_own(Recipe(spec.model, spec.model_digest, "", 10, 1, 28), 0)
    assert sys.path == before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_trial_leaves_no_trace_in_the_network(file):
    spec = spec_of(file)
    network = build_own(Recipe(spec.model, spec.model_digest, "", 10, 1, 28), 0)
    norm = next(part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d))
    assert int(norm.num_batches_tracked or 0) == 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_settings_of_a_network_are_numbers_truth_values_or_texts():
    options = as_options(["width=16", "rate=0.5", "deep=True", "name=relu", "width=32"])
    assert options == "width=32 rate=0.5 deep=True name=relu"
    assert values_of(options) == {"width": 32, "rate": 0.5, "deep": True, "name": "relu"}
    for text in ("width", "=3", "a b=3", "1x=3", "x=", "x=a b"):
        with pytest.raises(UsageError, match="such as width=16"):
            as_options([text])


@pytest.mark.parametrize(
    "model", ["net.py:Net", "/x/net.txt:Net", "/x/net.py:", "/x/net.py", "/x/net.py:a-b", "resnet", 3]
)
def test_what_names_no_class_is_refused(model):
    with pytest.raises(UsageError, match=r"model must be cnn or FILE.py:CLASS"):
        RunSpec(model=model)


def test_settings_of_the_one_network_are_not_for_the_other(file):
    with pytest.raises(UsageError, match="dropout is a setting of the built-in network"):
        spec_of(file, dropout=0.2)
    with pytest.raises(UsageError, match="--set is for a network of your own"):
        RunSpec(options="width=3")
    assert replace(spec_of(file), options="width=3").brief == "Net width=3, lr 0.01, batch 32, seed 0"


def test_a_typed_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert as_model("nets/net.py:Net") == f"{tmp_path}/nets/net.py:Net"
    assert as_model("cnn") == "cnn"
