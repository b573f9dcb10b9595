"""A network of the user's own, loaded, checked, and behind the interface of the built-in one.

The contract: `CLASS(classes: int, channels: int, side: int, **settings)` is a module whose `forward` maps images
(N, channels, side, side), float32 in [0, 1], to logits (N, classes). A method `features(images)` may return what the
map shows, (N, any); otherwise it shows what the last linear layer gets.
"""

from __future__ import annotations

import copy
import inspect
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor, nn

from mnist_tui.core.own import split_model, values_of
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.allowed import source_of
from mnist_tui.errors import RunError

MOST_MAPPED: Final = 1_024
"""Largest number of features that are projected onto a map."""
_GIVEN: Final = ("classes", "channels", "side")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to build a network again; a checkpoint holds it.

    Attributes:
        model: `/PATH/FILE.py:CLASS`.
        digest: SHA-256 of the file.
        options: Its settings, such as `width=16 depth=2`.
        classes, channels, side: What it is made for.
    """

    model: str
    digest: str
    options: str
    classes: int
    channels: int
    side: int

    def as_dict(self) -> dict[str, str | int]:
        """Return it as plain values."""
        return asdict(self)


def recipe_of(spec: RunSpec, classes: int, channels: int, side: int) -> Recipe:
    """Return the recipe of a run's network."""
    return Recipe(spec.model, spec.model_digest, spec.options, classes, channels, side)


class OwnNetwork(nn.Module):
    """A user's module, with what training and insight need besides.

    Attributes:
        module: The user's network.
        recipe: How it was made.
        features: Width of what the map shows; 0 if it shows nothing.
        can_classify: True if logits can be computed from features alone.
        dropout: Unused: a network has its own.
    """

    memory_format = torch.contiguous_format
    dropout = 0.0

    def __init__(self, module: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.module, self.recipe = module, recipe
        self._own_features = getattr(module, "features", None) if callable(getattr(module, "features", None)) else None
        if isinstance(self._own_features, nn.Module):
            # In torchvision's networks, `features` is the convolutional part, whose output is a stack of images.
            self._own_features = None
        linear = [
            part for part in module.modules() if isinstance(part, nn.Linear) and part.out_features == self.classes
        ]
        self._last = linear[-1] if linear else None
        self._caught: Tensor | None = None
        if self._last is not None:
            self._last.register_forward_pre_hook(self._catch)
        self.can_classify = self._last is not None and self._own_features is None
        self.features = 0

    def _catch(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not self.training:
            self._caught = inputs[0]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.recipe.classes

    @property
    def parameter_count(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, channels, side, side)."""
        try:
            logits: Tensor = self.module(images)
        except SystemExit as end:
            # It would end this program, and not the run.
            raise RuntimeError("the network called sys.exit()") from end
        return logits

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, classes) and features (N, features)."""
        logits = self(images)
        values = self._own_features(images) if self._own_features is not None else self._caught
        self._caught = None
        if values is None or not self.features:
            return logits, logits[:, :0]
        return logits, values.flatten(1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits of features, if `can_classify`."""
        if self._last is None:
            raise AssertionError("only for networks that end in a linear layer")
        logits: Tensor = self._last(features)
        return logits


def build_own(recipe: Recipe, seed: int, count: int = 2) -> OwnNetwork:
    """Return a new network on the CPU, checked by one forward and one backward pass.

    Args:
        recipe: How it is made.
        seed: Seeds its weights.
        count: Images of the check: 1 if a batch of the training has just one, for which some layers have no use.

    Raises:
        RunError: Its file may not be executed, or it does not fulfil the contract.
    """
    kind, name = _class_of(recipe), split_model(recipe.model)[1]
    settings = values_of(recipe.options)
    _check_settings(kind, name, settings)
    with torch.random.fork_rng(devices=[]), _blamed(name, "cannot be made"):
        torch.manual_seed(seed)
        module = kind(recipe.classes, recipe.channels, recipe.side, **settings)
        if not isinstance(module, nn.Module):
            raise TypeError("it is not a torch.nn.Module")
        if any(isinstance(each, nn.UninitializedParameter) for each in module.parameters()):
            # Lazy layers find their sizes in a first pass.
            with torch.no_grad():
                module.eval()(torch.zeros(1, recipe.channels, recipe.side, recipe.side))
        # A copy is tried: statistics of layers such as batch normalisation must not begin with noise.
        width = _tried(OwnNetwork(copy.deepcopy(module).float(), recipe), name, count)
        network = OwnNetwork(module.float(), recipe)
        network.features = width if width <= MOST_MAPPED else 0
    return network


def _class_of(recipe: Recipe) -> Any:
    path, name = split_model(recipe.model)
    # A private name: it neither replaces another module nor is it found by an import.
    known, source = f"_mnist_tui_{recipe.digest}", source_of(recipe.model, recipe.digest)
    if known not in sys.modules:
        module = types.ModuleType(known)
        module.__file__ = str(path)
        with _blamed(path.name, "cannot be loaded"):
            sys.path.insert(0, str(path.parent))
            sys.modules[known] = module
            try:
                exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the user named this file
            except BaseException:
                del sys.modules[known]
                raise
            finally:
                sys.path.remove(str(path.parent))
    found = getattr(sys.modules[known], name, None)
    if not inspect.isclass(found):
        classes = [key for key, value in vars(sys.modules[known]).items() if _is_network(value, known)]
        there = f"It has {', '.join(classes)}" if classes else "It has no network"
        raise RunError(f"{path.name} has no class {name}", there)
    return found


def _is_network(value: object, module: str) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module


def _check_settings(kind: Any, name: str, settings: Any) -> None:
    known = inspect.signature(kind).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
    names = [each for each in known if each not in _GIVEN]
    unknown = [each for each in settings if each not in names]
    if unknown and not takes_any:
        has = f"It has {', '.join(names)}" if names else "It has none"
        raise RunError(f"{name} has no setting {unknown[0]}", has)


def _tried(network: OwnNetwork, name: str, count: int) -> int:
    """Run a few images through a network and back; return the width of its features."""
    recipe = network.recipe
    images, labels = torch.rand(count, recipe.channels, recipe.side, recipe.side), torch.arange(count) % recipe.classes
    logits = network.train()(images)
    if not isinstance(logits, Tensor) or logits.shape != (count, recipe.classes):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(
            f"forward must return logits of shape ({count}, {recipe.classes}) for {count} images, not {got}"
        )
    F.cross_entropy(logits, labels).backward()
    if not any(parameter.grad is not None for parameter in network.parameters()):
        raise TypeError(f"no parameter of {name} has a gradient: it cannot be trained")
    with torch.inference_mode():
        network.features = 1
        _, values = network.eval().look(images)
    return values.shape[1]


@contextmanager
def _blamed(name: str, what: str) -> Iterator[None]:
    """Report whatever the user's code raises as one sentence."""
    try:
        yield
    except RunError:
        raise
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())[:300] or "without a message"
        raise RunError(f"{name} {what}: {type(error).__name__}: {text}", "Correct it, and start again") from error
