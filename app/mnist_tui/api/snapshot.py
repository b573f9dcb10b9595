"""Saves what a loop needs to go on, and puts it back: `state_dict`s and the states of random number generators.

With PyTorch loaded, the state is written by `torch.save` and read with `weights_only`; without it, arrays go into an
uncompressed archive of NumPy and everything else into JSON. Neither way runs code of the file when it is read.
"""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from mnist_tui.errors import StoreError, UsageError, brief

_TORCH: Final = b"torch\n"
_PLAIN: Final = b"plain\n"
_ARRAY: Final = "__array__"
_TUPLE: Final = "__tuple__"


def check_state(state: Mapping[str, Any]) -> None:
    """Check that each part of a state can be saved and restored.

    Raises:
        UsageError: One cannot.
    """
    for name, part in state.items():
        if not (callable(getattr(part, "state_dict", None)) and callable(getattr(part, "load_state_dict", None))):
            raise UsageError(
                f"the state {name!r} has no state_dict and load_state_dict", "Pass models, optimizers and schedules"
            )


@dataclass(frozen=True, slots=True)
class Moment:
    """The place in a run that a saved state belongs to.

    Attributes:
        epoch: Finished epochs.
        step: Steps so far.
        highest: The highest step that something was logged at: a script may count differently.
        rate_changes: Learning rates set until then, which the state contains.
    """

    epoch: int
    step: int
    highest: int = 0
    rate_changes: int = 0


def saved(state: Mapping[str, Any], moment: Moment) -> bytes:
    """Return the state as bytes, with the place in the run it belongs to."""
    parts = {name: part.state_dict() for name, part in state.items()}
    record: dict[str, Any] = {"moment": asdict(moment), "parts": parts, "random": _random_states()}
    out = io.BytesIO()
    if (torch := sys.modules.get("torch")) is not None:
        out.write(_TORCH)
        torch.save(_without_numpy(record, torch), out)
    else:
        out.write(_PLAIN)
        _write_plain(record, out)
    return out.getvalue()


def moment_of(data: bytes) -> Moment:
    """Return the place in the run that a saved state belongs to; errors as for `restore`."""
    return Moment(**_read(data)["moment"])


def restore(state: Mapping[str, Any], data: bytes) -> None:
    """Put a saved state back.

    Raises:
        StoreError: It is damaged.
        UsageError: It does not fit: a part is missing, or has another shape.
    """
    record = _read(data)
    missing = [name for name in state if name not in record["parts"]]
    if missing:
        raise UsageError(f"the saved state has no {', '.join(missing)}", "Name the parts of the state as before")
    for name, part in state.items():
        try:
            part.load_state_dict(record["parts"][name])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            what = " ".join(str(error).split())[:200]
            message = f"the saved state of {name} does not fit: {what}"
            raise UsageError(message, "Use the settings that the run had") from error
    _set_random_states(record["random"])


def _read(data: bytes) -> dict[str, Any]:
    try:
        if data.startswith(_TORCH):
            import torch

            found = torch.load(io.BytesIO(data[len(_TORCH) :]), weights_only=True, map_location="cpu")
            plain: dict[str, Any] = _with_numpy(found)
            return plain
        if data.startswith(_PLAIN):
            return _read_plain(data[len(_PLAIN) :])
    except ImportError:
        raise UsageError("the saved state needs PyTorch", "Import torch before mnist_tui.init") from None
    except Exception as error:
        raise StoreError(f"the saved state cannot be read: {brief(error)}") from error
    raise StoreError("the saved state cannot be read: it is of another kind")


def _without_numpy(value: Any, torch: Any) -> Any:
    """Return a state without types of NumPy, which `weights_only` refuses: numbers become plain, arrays tensors."""
    if isinstance(value, Mapping):
        return {key: _without_numpy(item, torch) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_without_numpy(item, torch) for item in value]) if type(value) in (list, tuple) else value
    if type(value).__module__ == "numpy":
        return {_ARRAY: torch.as_tensor(value)} if getattr(value, "ndim", 0) else value.item()
    return value


def _with_numpy(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return value[_ARRAY].numpy()
        return {key: _with_numpy(item) for key, item in value.items()}
    return type(value)([_with_numpy(item) for item in value]) if type(value) in (list, tuple) else value


def _random_states() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    states: dict[str, Any] = {"python": [version, list(numbers), gauss]}
    if (numpy := sys.modules.get("numpy")) is not None:
        kind, keys, at, has_gauss, cached = numpy.random.get_state()
        states["numpy"] = [str(kind), [int(key) for key in keys], int(at), int(has_gauss), float(cached)]
    if (torch := sys.modules.get("torch")) is not None:
        states["torch"] = torch.get_rng_state()
        # Asking whether there is a GPU would initialise it in a process that may still fork.
        if torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_random_states(states: Mapping[str, Any]) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and "numpy" in states:
        kind, keys, *rest = states["numpy"]
        numpy.random.set_state((kind, numpy.array(keys, dtype=numpy.uint32), *rest))
    if torch is not None and "torch" in states:
        torch.set_rng_state(states["torch"])
        if "cuda" in states and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(states["cuda"][: torch.cuda.device_count()])


def _write_plain(record: Mapping[str, Any], out: io.BytesIO) -> None:
    arrays: list[Any] = []

    def listed(value: Any) -> Any:
        """Replace arrays by their number."""
        if hasattr(value, "dtype"):
            arrays.append(value)
            return {_ARRAY: len(arrays) - 1}
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise TypeError("without PyTorch, keys of a state must be text")
            return {key: listed(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return {_TUPLE: [listed(item) for item in value]}
        return [listed(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(listed(record)).encode()
    out.write(len(text).to_bytes(8, "little") + text)
    if arrays:
        import numpy as np

        np.savez(out, *arrays, allow_pickle=False)


def _read_plain(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    record = json.loads(data[8 : 8 + length])
    arrays: Mapping[str, Any] = {}
    if rest := data[8 + length :]:
        import numpy as np

        arrays = np.load(io.BytesIO(rest), allow_pickle=False)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {_ARRAY}:
                return arrays[f"arr_{value[_ARRAY]}"]
            if value.keys() == {_TUPLE}:
                return tuple(filled(value[_TUPLE]))
            return {key: filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = filled(record)
    return found
