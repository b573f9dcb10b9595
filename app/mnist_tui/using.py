"""The commands that use a trained network: save it as a file, and classify images with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.insight import Guess
from mnist_tui.core.numerals import percent
from mnist_tui.core.state import RunState
from mnist_tui.errors import DataError, UsageError
from mnist_tui.report.formatting import printable
from mnist_tui.streams import say

STDIN = "-"


def save(name: str, path: Path, *, force: bool) -> int:
    """Write the network of a run to a file; print its path to stdout."""
    run, epoch, checkpoint = _newest(name)
    # PyTorch takes a second to load, which a wrong name need not wait for.
    from mnist_tui.engine.saved import CHECKED, FORMATS, facts_of, network_of, save_network
    from mnist_tui.report.files import check_new, write_bytes_atomically

    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path.name} has no ending that names a format", f"Name it {' or '.join(f'NET{end}' for end in FORMATS)}"
        )
    check_new(path, force=force)
    model = network_of(checkpoint)
    if path.suffix == ".onnx":
        say("exporting, which takes a while")
    content = save_network(model, facts_of(run, epoch, model), path.suffix)
    write_bytes_atomically(path, content, force=force)
    say(str(path), out=True)
    say(f"The network of {run.run} after epoch {epoch}; the file gives its outputs on {CHECKED} images.")
    return 0


def predict(run_name: str, names: Sequence[str], *, as_json: bool) -> int:
    """Classify image files; return 3 if one of them cannot be used."""
    run, epoch, checkpoint = _newest(run_name)
    data = _data_of(run)
    from mnist_tui.data.framing import framed, images_in
    from mnist_tui.engine.classifier import load_classifier

    classify, code = load_classifier(checkpoint), 0
    with TemporaryDirectory(prefix="mnist-tui-") as folder:
        for name in names:
            try:
                paths = [_piped(Path(folder))] if name == STDIN else images_in(Path(name))
            except DataError as error:
                paths, code = [], _skip(error)
            for path in paths:
                shown = "stdin" if name == STDIN else str(path)
                try:
                    image = framed(path, data)
                except DataError as error:
                    code = _skip(DataError(error.what.replace(str(path), shown)))
                else:
                    _tell(run, epoch, shown, classify(image.pixels), image.steps, as_json=as_json)
    return code


def layers(name: str, *, as_json: bool) -> int:
    """Print the layers of the network of a run."""
    run, _, checkpoint = _newest(name)
    data = _data_of(run)
    from mnist_tui.engine import layers_of
    from mnist_tui.report.layers import print_layers
    from mnist_tui.report.listing import Output, unfolded

    found = layers_of(checkpoint, data.channels, data.side)
    if as_json:
        for one in found:
            print(dumps({"type": "layer", **to_json_value(one)}))
    else:
        print_layers(found, unfolded(Output()))
    return 0


def _data_of(run: RunState) -> DatasetInfo:
    if run.dataset is None or not run.dataset.side:
        raise UsageError(
            f"the run {run.run} was recorded by an older version, without its images' size", "Train it again"
        )
    return run.dataset


def _skip(error: DataError) -> int:
    """Name what cannot be used; return the exit code."""
    say(f"mnist-tui: {error.what}.")
    return error.exit_code


def _piped(folder: Path) -> Path:
    """Return a file with what comes through stdin."""
    path = folder / "stdin"
    path.write_bytes(sys.stdin.buffer.read())
    return path


def _newest(name: str) -> tuple[RunState, int, bytes]:
    """Return a run, the finished epochs of its newest checkpoint, and that checkpoint."""
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        run = store.run(name)
        if run.network is None:
            raise UsageError(
                f"the run {run.run} belongs to a script, which has its network", "Name a run of the built-in network"
            )
        newest = store.newest_checkpoint(run.run)
    if newest is None:
        raise UsageError(f"the run {run.run} has no checkpoint", "Train it for an epoch, or name another run")
    epoch, _, checkpoint = newest
    return run, epoch, checkpoint


def _tell(run: RunState, epoch: int, shown: str, guess: Guess, steps: Sequence[str], *, as_json: bool) -> None:
    names = run.dataset.classes if run.dataset is not None else ()
    first, second, *_ = sorted(range(len(guess.probabilities)), key=lambda at: -guess.probabilities[at])
    if as_json:
        record = {
            "type": "prediction",
            "image": shown,
            "run": run.run,
            "epoch": epoch,
            "class": names[first],
            "probability": guess.probabilities[first],
            "runner_up": names[second],
            "probabilities": dict(zip(names, guess.probabilities, strict=True)),
            "steps": steps,
        }
        print(dumps(record), flush=True)
        return
    best, other = (f"{printable(names[at])} {percent(guess.probabilities[at], 1)}%" for at in (first, second))
    say(f"{printable(shown)}: {best}, then {other}", out=True)
    if steps:
        say(f"  {', '.join(steps)}")
