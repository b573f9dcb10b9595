import pytest
import torch
from torch import nn

from mnist_tui.engine.model import BottleneckCNN, build_model


@pytest.mark.parametrize("features", [1, 2, 3, 4, 8, 32, 64, 512])
def test_every_number_of_features_gives_ten_logits_per_image(features):
    model = build_model(features, 10, seed=0)
    images = torch.rand(5, 1, 28, 28)
    assert model.bottleneck(images).shape == (5, features)
    assert model(images).shape == (5, 10)


def test_the_report_s_shape_error_needs_a_layer_that_ignores_features():
    """The report widened one layer alone; here the layer after the bottleneck follows."""
    model = BottleneckCNN(2, 10)
    model.hidden = nn.Linear(8, 1024)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model(torch.rand(64, 1, 28, 28))
    assert build_model(8, 10, seed=0)(torch.rand(64, 1, 28, 28)).shape == (64, 10)


def test_the_seed_alone_fixes_the_weights_and_leaves_the_global_generator():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = build_model(4, 10, seed=1), build_model(4, 10, seed=1), build_model(4, 10, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.conv2.weight, second.conv2.weight)
    assert not torch.equal(first.conv2.weight, other.conv2.weight)


def test_parameter_count_of_the_report_s_network():
    # conv 1*2*9+2, conv 2*2*9+2, linear 2*1024+1024, linear 1024*10+10
    assert build_model(2, 10, seed=0).parameter_count == 20 + 38 + 3072 + 10250
