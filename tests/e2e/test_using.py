"""A trained network is saved, loaded by plain PyTorch, and used, from the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from PIL import Image
from safetensors import safe_open

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import run_sweep
from mnist_tui.errors import UsageError
from mnist_tui.store.database import Store
from mnist_tui.using import layers, predict, save
from tests.builders import keep, run_events

CLASSES = ("low", "middle", "high")
PAGE = Path(__file__).parents[2] / "docs" / "use.md"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with `data.npz` and a home with a run on it."""
    folder = tmp_path_factory.mktemp("using")
    random = np.random.default_rng(0)

    def made(count):
        labels = np.arange(count) % 3
        noise = random.integers(0, 60, (count, 12, 12)) + 90 * labels[:, None, None]
        return np.clip(noise, 0, 255).astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = made(240), made(60)
    np.savez(folder / "data.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, classes=CLASSES)
    spec = RunSpec(epochs=8, features=4, dataset=str(folder / "data.npz"), batch_size=16, learning_rate=0.01)
    with Store.open(folder / "home") as store:
        for _ in store.recorded(run_sweep(enqueue([spec]), RunControl())):
            pass
    return folder


@pytest.fixture(autouse=True)
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("MNIST_TUI_HOME", str(place / "home"))


@pytest.fixture
def run(place):
    with Store.open_readonly(place / "home") as store:
        return store.run("last")


def outputs(place, run_on):
    images = torch.tensor(np.load(place / "data.npz")["x_test"]).unsqueeze(1).float() / 255
    return run_on(images)


def test_the_ten_lines_of_the_page_get_the_accuracy_of_the_run(place, run):
    assert save("last", Path("net.safetensors"), force=True) == 0
    code = re.search(r"<!-- plain PyTorch -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    said = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True, cwd=place).stdout
    assert run.result is not None
    assert said == f"test accuracy {run.result.test_accuracy:.2%}\n"
    assert run.result.test_accuracy > 0.5, "it has learned something"


def test_all_formats_hold_the_same_network_and_what_must_be_known_of_it(place, run, capsys):
    for ending in ("safetensors", "pt", "onnx"):
        assert save("last", Path(f"all.{ending}"), force=False) == 0
        assert capsys.readouterr().out == f"all.{ending}\n"
    with safe_open("all.safetensors", "pt") as file:
        weights, facts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118 - no mapping
    assert json.loads(facts["classes"]) == list(CLASSES)
    assert (facts["run"], facts["epoch"], facts["side"], facts["channels"]) == (run.run, "8", "12", "1")
    assert facts["dataset_sha256"] == run.dataset.sha256
    plain = torch.load("all.pt", weights_only=True)
    assert plain["facts"] == facts
    assert plain["model"].keys() == weights.keys()
    assert all(torch.equal(plain["model"][name], weights[name]) for name in weights)
    model = onnx.load("all.onnx")
    onnx.checker.check_model(model)
    assert {prop.key: prop.value for prop in model.metadata_props}.items() >= facts.items()
    evaluator: Any = ReferenceEvaluator(model)
    whole = outputs(place, lambda images: evaluator.run(None, {"images": images.numpy()})[0])
    single = outputs(place, lambda images: evaluator.run(None, {"images": images[:1].numpy()})[0])
    assert np.allclose(whole[:1], single, atol=1e-5), "any number of images at once"
    labels = np.load(place / "data.npz")["y_test"]
    assert (whole.argmax(1) == labels).mean() == pytest.approx(run.result.test_accuracy)


def test_predictions_of_the_datas_own_images_are_those_of_the_run(place, run, capsys):
    data, folder = np.load(place / "data.npz"), place / "pictures"
    folder.mkdir(exist_ok=True)
    for at, image in enumerate(data["x_test"]):
        Image.fromarray(image).save(folder / f"{at:02}.png")
    assert predict("last", ["pictures"], as_json=True) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(each["image"]).name for each in found] == [f"{at:02}.png" for at in range(60)]
    hits = [each["class"] == CLASSES[label] for each, label in zip(found, data["y_test"], strict=True)]
    assert np.mean(hits) == pytest.approx(run.result.test_accuracy)
    for each in found:
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert max(each["probabilities"].values()) == each["probability"]
        assert each["runner_up"] != each["class"]


def test_a_bad_image_is_named_and_the_others_are_classified(place, capsys):
    Image.new("RGB", (40, 20), (200, 200, 200)).save("wide.png")
    Path("bad.png").write_text("not an image")
    assert predict("last", ["bad.png", "missing.png", "wide.png"], as_json=False) == 3
    said = capsys.readouterr()
    assert re.fullmatch(r"wide\.png: \w+ [\d.]+%, then \w+ [\d.]+%\n", said.out)
    assert "bad.png is not an image" in said.err
    assert "missing.png" in said.err
    assert "made grey, cut to a square, resized to 12x12" in said.err
    assert "Traceback" not in said.err


def test_an_image_may_come_through_a_pipe(place):
    Image.new("L", (12, 12), 200).save("grey.png")
    command = [sys.executable, "-m", "mnist_tui", "predict", "last", "-", "--json"]
    with Path("grey.png").open("rb") as image:
        said = subprocess.run(command, stdin=image, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["image"] == "stdin"
    empty = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert empty.returncode == 3
    assert empty.stderr.count("\n") == 1
    assert "stdin is not an image" in empty.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["save", "last", "-o", "net.h5"], "Name it NET.safetensors or NET.pt or NET.onnx"),
        (["save", "last", "-o", "data.npz"], "Name it NET.safetensors"),
        (["save", "nobody", "-o", "net.pt"], "there is no run 'nobody'"),
        (["save", "last", "-o", "nowhere/net.pt"], "nowhere"),
        (["predict", "last", "home", "grey.png"], "home contains no images"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(place, arguments, reason):
    said = subprocess.run([sys.executable, "-m", "mnist_tui", *arguments], capture_output=True, text=True, check=False)
    assert said.returncode in (2, 3)
    assert reason in said.stderr
    assert "Traceback" not in said.stderr


def test_a_run_without_a_checkpoint_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    keep(tmp_path / "home", run_events())
    for act in (lambda: predict("last", ["a.png"], as_json=False), lambda: save("last", Path("a.pt"), force=False)):
        with pytest.raises(UsageError, match="has no checkpoint"):
            act()


def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced():
    path = Path("kept.pt")
    path.write_text("mine")
    command = [sys.executable, "-m", "mnist_tui", "save", "last", "-o", "kept.pt"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "already exists" in said.stderr
    assert path.read_text() == "mine"


def test_the_layers_of_a_run_are_listed_for_people_and_programs(run, capsys):
    assert layers("last", as_json=False) == 0
    out = capsys.readouterr().out
    assert "4 x 12 x 12" in out
    assert f"{run.parameters:,}" in out
    assert layers("last", as_json=True) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["name"] for record in records] == ["conv1", "conv2", "hidden", "output", ""]
