# ruff: noqa: TRY301
"""Makes the files in this folder with the tools themselves, and what their own readers say of them.

    pip install tensorboard tensorboardX torch wandb mlflow trackio lightning keras
    python make.py tensorboard wandb mlflow trackio lightning keras

Each tool writes its folder and `expected/TOOL.json`: metrics by run, as a list of steps and values in hexadecimal.
"""

# mypy: ignore-errors

import gzip
import json
import math
import os
import shutil
import sqlite3
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.resolve()
STEPS = 60


def loss(step):
    return math.exp(-step / 20) + (0.01 if step % 2 else 0.0)


def expect(tool, runs):
    folder = ROOT / "expected"
    folder.mkdir(exist_ok=True)
    shown = {
        run: {
            name: [[int(step), float(value).hex()] for step, value in points] for name, points in sorted(told.items())
        }
        for run, told in sorted(runs.items())
    }
    (folder / f"{tool}.json").write_text(json.dumps(shown, indent=1) + "\n")


def packed(path):
    """Replace a file by a compressed one; a database by one without free pages."""
    data = path
    if path.suffix == ".db":
        data = path.with_suffix(".copy")
        with sqlite3.connect(path) as source, sqlite3.connect(data) as target:
            source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        target.execute("VACUUM")
        target.close()
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data.read_bytes(), mtime=0))
    data.unlink()
    path.unlink(missing_ok=True)


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboardX import SummaryWriter as OtherWriter
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder / "plain") as writer:
        for step in range(STEPS):
            writer.add_scalar("train/loss", loss(step), step)
            writer.add_scalar("val/acc", 1 - loss(step), step)
        writer.add_scalar("not a number", math.nan, 5)
        writer.add_scalar("inf", math.inf, 5)
        writer.add_scalar("new style", 0.25, 7, new_style=True)
        writer.add_scalar("double", 1 / 3, 7, new_style=True, double_precision=True)
        writer.add_text("text", "hello")
        writer.add_scalar("far", 1.0, 2**40)
        writer.add_scalars("both/x", {"a": 1.0, "b": 2.0}, 3)
        writer.add_hparams({"lr": 0.1, "bs": 32, "net": "wide"}, {"hparam/acc": 0.9}, run_name="1796000000.5")
    with SummaryWriter(folder / "restarted") as writer:
        for step in range(40):
            writer.add_scalar("x", step, step)
    time.sleep(1.1)
    with SummaryWriter(folder / "restarted", purge_step=25) as writer:
        for step in range(25, 30):
            writer.add_scalar("x", 1000 + step, step)
    for part in ("train", "validation"):
        with SummaryWriter(folder / "keras" / part) as writer:
            for step in range(3):
                writer.add_scalar("epoch_loss", loss(step), step)
    with OtherWriter(str(folder / "other")) as writer:
        for step in range(10):
            writer.add_scalar("x", loss(step), step)
    told = {}
    for place, _, names in os.walk(folder):
        if any("tfevents" in name for name in names):
            events = EventAccumulator(place, size_guidance={"scalars": 0, "tensors": 0})
            events.Reload()
            scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
            for tag in events.Tags()["tensors"]:
                if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                    from tensorboard.util.tensor_util import make_ndarray

                    scalars[tag] = [(e.step, make_ndarray(e.tensor_proto).item()) for e in events.Tensors(tag)]
            told[str(Path(place).relative_to(folder))] = scalars
    return told


def wandb(folder):
    folder.mkdir()
    off = {"WANDB__DISABLE_STATS": "true", "WANDB__DISABLE_META": "true", "WANDB_DISABLE_GIT": "true"}
    os.environ.update({"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(folder), **off})
    import wandb as tool

    run = tool.init(project="digits", name="wide", config={"lr": 0.1, "net": {"width": 3}, "sizes": [1, 2]})
    run.define_metric("val/acc", summary="max")
    run.define_metric("val/cost", summary="min")
    for step in range(STEPS):
        run.log({"train/loss": loss(step), "nested": {"a": step}, "text": "hello"})
    # Longer than a block of 32 KiB.
    last = {"val/acc": 0.5, "val/cost": 3.0, "bad": math.nan, "none": -math.inf, "big": 10**20, "long": "x" * 70_000}
    run.log(last)
    run.finish()
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".wandb":
            path.unlink()
    (log,) = folder.rglob("run-*.wandb")
    shutil.move(log, folder / "run-wide.wandb")
    for path in [path for path in folder.rglob("*") if path.is_symlink()]:
        path.unlink()
    for path in [path for path in folder.iterdir() if path.is_dir()]:
        shutil.rmtree(path)

    packed(folder / "run-wide.wandb")
    # Its own reader is not part of the package: what was logged.
    points = {name: [(STEPS, value)] for name, value in last.items() if name != "long"}
    points["train/loss"] = [(step, loss(step)) for step in range(STEPS)]
    points["nested/a"] = [(step, step) for step in range(STEPS)]
    return {"wide": points}


def mlflow(folder):
    folder.mkdir()
    import mlflow as tool

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    told = {}
    for kind, address in (("db", f"sqlite:///{folder}/mlflow.db"), ("files", f"file:{folder}/mlruns")):
        tool.set_tracking_uri(address)
        tool.set_experiment("digits")
        with tool.start_run(run_name="wide") as run:
            tool.log_params({"lr": 0.1, "net.width": 3, "name": "a"})
            for step in range(STEPS):
                tool.log_metric("train/loss", loss(step), step=step)
            tool.log_metric("bad", math.nan, step=1)
            tool.log_metric("inf", math.inf, step=1)
        try:
            with tool.start_run(run_name="broken"):
                tool.log_metric("loss", 1.0, step=0)
                raise ValueError
        except ValueError:
            pass
        client = tool.MlflowClient()
        names = client.get_run(run.info.run_id).data.metrics
        told[f"{kind}: wide"] = {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)] for name in names
        }
    for path in folder.rglob("tags"):
        for tag in path.iterdir():
            if tag.name != "mlflow.runName":
                tag.unlink()
    for path in folder.rglob("meta.yaml"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(line for line in lines if not line.startswith(("artifact", "user"))) + "\n")
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("UPDATE runs SET artifact_uri = '', user_id = ''")
        connection.execute("UPDATE experiments SET artifact_location = ''")
        connection.execute("DELETE FROM tags WHERE key <> 'mlflow.runName'")
    packed(folder / "mlflow.db")
    return told


def trackio(folder):
    folder.mkdir()
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio as tool

    tool.init(project="digits", name="wide", config={"lr": 0.1, "net": {"width": 3}})
    for step in range(STEPS):
        tool.log({"train/loss": loss(step)}, step=step)
    tool.log({"bad": math.nan, "inf": math.inf}, step=STEPS)
    tool.finish()
    with sqlite3.connect(folder / "digits.db") as connection:
        rows = connection.execute("SELECT step, metrics FROM metrics ORDER BY id").fetchall()
    words, points = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}, {}
    for step, metrics in rows:
        for name, value in json.loads(metrics).items():
            points.setdefault(name, []).append((step, words.get(value, value) if isinstance(value, str) else value))
    packed(folder / "digits.db")
    for path in folder.iterdir():
        if path.suffix != ".gz":
            path.unlink()
    return {"wide": points}


def lightning(folder):
    import csv

    import torch
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger

    class Net(LightningModule):
        def __init__(self, lr=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.net = torch.nn.Linear(4, 1)

        def training_step(self, batch):
            found = self.net(batch).pow(2).mean()
            self.log("train_loss", found, on_step=True, on_epoch=True)
            return found

        def validation_step(self, batch):
            self.log("val_loss", self.net(batch).pow(2).mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    data = torch.utils.data.DataLoader(torch.randn(64, 4), batch_size=16)
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    logger = CSVLogger(folder.parent, name="lightning")
    Trainer(max_epochs=3, logger=logger, log_every_n_steps=2, accelerator="cpu", **quiet).fit(Net(), data, data)
    points = {}
    with (folder / "version_0" / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name not in ("step", "epoch") and text:
                    points.setdefault(name, []).append((row["step"], text))
    return {"version_0": points}


def keras(folder):
    import csv

    folder.mkdir()
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as tool
    import numpy as np

    model = tool.Sequential([tool.layers.Input((4,)), tool.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4))
    log = tool.callbacks.CSVLogger(str(folder / "wide.csv"))
    model.fit(x, x[:, 0], epochs=4, verbose=0, validation_data=(x, x[:, 0]), validation_freq=2, callbacks=[log])
    points = {}
    with (folder / "wide.csv").open() as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name != "epoch" and text != "NA":
                    points.setdefault(name, []).append((row["epoch"], text))
    return {"wide": points}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        shutil.rmtree(ROOT / name, ignore_errors=True)
        expect(name, globals()[name](ROOT / name))
