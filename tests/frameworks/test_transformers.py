import math
import time

import pytest

pytest.importorskip("transformers", reason="transformers is not installed: uv pip install --group frameworks")

import torch
import transformers
from transformers import Trainer, TrainingArguments

from mnist_tui.core.events import EpochDone
from mnist_tui.core.status import Status
from mnist_tui.transformers import Monitor
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(torch.nn.Module):
    def __init__(self, slow_s=0.0):
        super().__init__()
        self.net, self.slow_s = torch.nn.Linear(8, 2), slow_s

    def forward(self, x, labels=None):
        time.sleep(self.slow_s)
        out = self.net(x)
        return {"loss": torch.nn.functional.cross_entropy(out, labels), "logits": out}


class Data(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __init__(self):
        self.x, self.y = torch.randn(80, 8), torch.randint(0, 2, (80,))

    def __len__(self):
        return 80

    def __getitem__(self, i):
        return {"x": self.x[i], "labels": self.y[i]}


def train(epochs=3, slow_s=0.0):
    torch.manual_seed(0)
    args = TrainingArguments(
        output_dir="out",
        num_train_epochs=epochs,
        per_device_train_batch_size=16,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        learning_rate=0.1,
        use_cpu=True,
    )
    data = Data()
    trainer = Trainer(model=Net(slow_s), args=args, train_dataset=data, eval_dataset=data, callbacks=[Monitor("train")])
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return trainer


def test_training_is_recorded_with_its_evaluations(home):
    train()
    found = stored(home, "train")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert all(0 < epoch.value("eval_loss") < 2 for epoch in found.history), "of the epoch it evaluates"
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert not any("runtime" in name or "flos" in name for epoch in found.history for name in epoch.values)
    assert found.primary.name == "eval_loss"
    assert found.script.config["learning_rate"] == 0.1


def test_orders_are_obeyed_as_far_as_the_trainer_allows(home, remote, beside):
    def others():
        remote.hear(EpochDone.type)
        assert "fixed its number of epochs" in remote.tell("epochs", 1_000)
        assert remote.tell("rate", 0.05) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("pause") == ""
        remote.hear("run_paused")
        assert remote.tell("epochs", 20) == ""
        assert remote.tell("resume") == ""

    beside(others)
    trainer = train(epochs=100, slow_s=0.002)
    found = stored(home)
    assert found.epochs == 20
    assert 20 <= found.epochs_done < 100
    assert found.status is Status.FINISHED
    assert found.rates[0][1] == 0.05
    assert math.isclose(trainer.optimizer.param_groups[0]["lr"], 0.0, abs_tol=0.05)
    assert len(list((home.parent / "out").glob("checkpoint-*"))) == 1


def test_a_stop_ends_training(home, remote, beside):
    beside(lambda: remote.tell("stop"))
    train(epochs=10_000, slow_s=0.01)
    assert stored(home).status is Status.STOPPED
