"""Networks as files that other programs can use: weights with all that is needed to apply them."""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from mnist_tui.core.own import split_model
from mnist_tui.core.state import RunState
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.own import OwnNetwork, Recipe, build_own
from mnist_tui.engine.step import Network
from mnist_tui.errors import MnistTuiError, RunError, brief

CHECKED: Final = 5
"""Images that a written file is tried on."""
_CLOSE: Final = 1e-4
"""Maximum deviation of the outputs of a written file, relative to their size."""


def network_of(checkpoint: bytes) -> Network:
    """Return the network of a checkpoint, on the CPU, ready to classify.

    Args:
        checkpoint: As `Trainer.save` wrote it.

    Raises:
        RunError: The checkpoint is from another version, or damaged, or needs code that may not be executed.
    """
    try:
        state = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
        weights = state["model"]
        model: Network
        if own := state.get("own"):
            model = build_own(Recipe(**own), 0)
        else:
            features, channels, *_ = weights["conv1.weight"].shape
            model = BottleneckCNN(features, len(weights["output.bias"]), channels)
        model.load_state_dict(weights)
    except RunError:
        raise
    except Exception as error:
        message = f"the checkpoint was not written by this version: {brief(error)}"
        raise RunError(message, "Train the run again") from error
    return model.eval()


def facts_of(run: RunState, epoch: int, model: Network) -> dict[str, str]:
    """Return what a user of the network must know, as texts."""
    data, result = run.dataset, run.result
    if data is None:
        raise RunError(f"the run {run.run} does not know its data", "Train it again")
    return {
        "format": "mnist-tui 1",
        "run": run.run,
        "epoch": str(epoch),
        **_network_facts(model),
        "channels": str(data.channels),
        "side": str(data.side),
        "input": "float32 (N, channels, side, side), pixels divided by 255",
        "output": "logits (N, classes)",
        "framing": data.framing,
        "classes": json.dumps(data.classes),
        "dataset": data.label,
        "dataset_sha256": data.sha256,
        "test_accuracy": str(result.test_accuracy) if result is not None else "",
    }


def _network_facts(model: Network) -> dict[str, str]:
    if isinstance(model, OwnNetwork):
        path, name = split_model(model.recipe.model)
        own = {"network": f"{path.name}:{name}", "network_sha256": model.recipe.digest}
        return {**own, "options": model.recipe.options}
    layers = "conv 3x3, max-pool 2, ReLU, conv 3x3, max-pool 2, ReLU, average, linear, ReLU, linear"
    return {"network": layers, "features": str(model.features), "hidden": str(model.hidden_units)}


def save_network(model: Network, facts: Mapping[str, str], ending: str) -> bytes:
    """Return the content of a file in one of `FORMATS`, after trying it.

    Raises:
        MnistTuiError: The format needs a package that is missing, or the file does not do what the network does.
    """
    images = torch.rand(
        CHECKED, int(facts["channels"]), *[int(facts["side"])] * 2, generator=torch.Generator().manual_seed(0)
    )
    write, run = FORMATS[ending]
    content = write(model, facts)
    with torch.inference_mode():
        expected, found = model(images), run(content, model, images)
    if not torch.allclose(found, expected, rtol=_CLOSE, atol=_CLOSE * float(expected.abs().max())):
        raise MnistTuiError("the file was written, but gives other outputs than the network", "Choose another format")
    return content


def _plain(model: Network) -> nn.Module:
    """Return the module that others know: a user's own without what surrounds it here."""
    return model.module if isinstance(model, OwnNetwork) else model


def _weights(model: Network) -> dict[str, Tensor]:
    return {name: weight.detach().contiguous().clone() for name, weight in _plain(model).state_dict().items()}


def _again(model: Network, weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return the outputs of a copy of the network with these weights."""
    other = copy.deepcopy(_plain(model))
    for weight in other.parameters():
        nn.init.zeros_(weight)
    other.load_state_dict(weights)
    logits: Tensor = other.eval()(images)
    return logits


def _write_safetensors(model: Network, facts: Mapping[str, str]) -> bytes:
    from safetensors.torch import save

    return save(_weights(model), dict(facts))


def _run_safetensors(content: bytes, model: Network, images: Tensor) -> Tensor:
    from safetensors.torch import load

    return _again(model, load(content), images)


def _write_pt(model: Network, facts: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    # Tensors and texts alone: it loads with `weights_only=True`, which executes no code.
    torch.save({"model": _weights(model), "facts": dict(facts)}, stream)
    return stream.getvalue()


def _run_pt(content: bytes, model: Network, images: Tensor) -> Tensor:
    return _again(model, torch.load(io.BytesIO(content), weights_only=True)["model"], images)


def _write_onnx(model: Network, facts: Mapping[str, str]) -> bytes:
    try:
        import onnxscript  # noqa: F401 - what PyTorch's exporter needs besides onnx
        from onnx import helper
    except ImportError:
        raise MnistTuiError(
            "writing ONNX needs the packages onnx and onnxscript", "Install them with pip install 'mnist-tui[onnx]'"
        ) from None
    # More than one image, or the size of the batch would be fixed to it.
    example = torch.zeros(2, int(facts["channels"]), *[int(facts["side"])] * 2)
    with warnings.catch_warnings():
        # The exporter prints deprecation warnings about its own code.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _plain(model),
            (example,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise MnistTuiError("PyTorch wrote no ONNX", "Choose another format")
    proto = program.model_proto
    helper.set_model_props(proto, dict(facts))
    content: bytes = proto.SerializeToString()
    return content


def _run_onnx(content: bytes, _model: Network, images: Tensor) -> Tensor:
    import onnx
    from onnx.reference import ReferenceEvaluator

    # The reference implementation: slow, but it needs no runtime.
    (logits,) = ReferenceEvaluator(onnx.load_from_string(content)).run(None, {"images": images.numpy()})
    return torch.from_numpy(logits)


FORMATS: Final[dict[str, tuple[Callable[..., bytes], Callable[..., Any]]]] = {
    ".safetensors": (_write_safetensors, _run_safetensors),
    ".pt": (_write_pt, _run_pt),
    ".onnx": (_write_onnx, _run_onnx),
}
"""How each kind of file is written and tried, by its ending."""
