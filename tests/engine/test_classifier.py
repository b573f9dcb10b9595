"""The network of a checkpoint answers as the trained one does."""

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import load_classifier
from mnist_tui.engine.data import load_digits
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import RunError
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_it_says_what_the_validation_said(tmp_path, backend):
    spec = RunSpec(epochs=2, features=8, dataset="digits", device="cpu", threads=1, backend=backend)
    with Store.open(tmp_path) as store:
        for _ in store.recorded(run_sweep(Claims(store, [QueuedRun("run-1", spec)]), RunControl())):
            pass
        found = store.newest_checkpoint("run-1")
        assert found is not None
        assert store.newest_checkpoint("run-1", found[1]) is None
        assert store.newest_checkpoint("run-2") is None
        insight = store.insight("run-1", 2)
    assert insight is not None
    epoch, _, data = found
    assert epoch == 2
    classify = load_classifier(data)
    images = load_digits(spec.split_seed).validation_images
    for at in range(0, 50, 7):
        guess = classify(images[at].numpy().tobytes())
        assert sum(guess.probabilities) == pytest.approx(1, abs=1e-5)
        assert guess.probabilities.index(max(guess.probabilities)) == insight.predictions[at]
        torch.testing.assert_close(torch.tensor(guess.values), torch.tensor(insight.values[at]), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("data", [b"", b"scripted", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_checkpoint_is_told_in_one_sentence(data):
    with pytest.raises(RunError, match="not written by this version"):
        load_classifier(data)
