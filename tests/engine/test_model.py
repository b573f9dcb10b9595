import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import nn

from mnist_tui.engine import model as model_module
from mnist_tui.engine.model import BottleneckCNN, build_model


@pytest.mark.parametrize("features", [1, 2, 3, 4, 8, 32, 64, 512])
def test_every_number_of_features_gives_ten_logits_per_image(features):
    model = build_model(features, seed=0)
    images = torch.rand(5, 1, 28, 28)
    assert model.bottleneck(images).shape == (5, features)
    assert model(images).shape == (5, 10)


def test_the_report_s_shape_error_needs_a_layer_that_ignores_features():
    """The report widened one layer alone; here the layer after the bottleneck follows."""
    model = BottleneckCNN(2)
    model.hidden = nn.Linear(8, 1024)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model(torch.rand(64, 1, 28, 28))
    assert build_model(8, seed=0)(torch.rand(64, 1, 28, 28)).shape == (64, 10)


def test_the_seed_alone_fixes_the_weights_and_leaves_the_global_generator():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = build_model(4, seed=1), build_model(4, seed=1), build_model(4, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.conv2.weight, second.conv2.weight)
    assert not torch.equal(first.conv2.weight, other.conv2.weight)


def test_parameter_count_of_the_report_s_network():
    # conv 1*2*9+2, conv 2*2*9+2, linear 2*1024+1024, linear 1024*10+10
    assert build_model(2, seed=0).parameter_count == 20 + 38 + 3072 + 10250


def _images(n: int) -> torch.Tensor:
    """Return images with what real ones have: blank margins and strokes of full ink, so that values tie."""
    images = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    images[:, :, :5] = 0
    images[:, :, 12:18, 9:16] = 1
    return images


@pytest.mark.parametrize("features", [1, 2, 3, 4])
def test_few_channels_take_another_way_to_the_same_numbers(features, monkeypatch):
    images, labels = _images(7), torch.arange(7)

    def losses_and_gradients():
        network = build_model(features, 3)
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        return [loss.detach(), *(p.grad for p in network.parameters())]

    here = losses_and_gradients()
    monkeypatch.setattr(model_module, "BATCH_INNERMOST_UP_TO", 0)
    plain = losses_and_gradients()
    for one, other in zip(here, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
