"""The commands that look for good settings."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mnist_tui.cli.own import own_settings
from mnist_tui.cli.parser import settings_of
from mnist_tui.core.ratefinder import RangeTest
from mnist_tui.core.spec import RunSpec


def _spec_of(args: argparse.Namespace) -> RunSpec:
    """Return the settings of a command that trains on nothing but the data that were asked for."""
    spec = RunSpec(**settings_of(args) | own_settings(args, args.model))
    return replace(spec, dataset="mnist") if spec.dataset == "auto" and not args.allow_fallback else spec


def find_command(args: argparse.Namespace) -> int:
    """Find a learning rate."""
    from mnist_tui.finding import find_rate

    test = RangeTest(args.low, args.high, args.steps, args.tries)
    return find_rate(_spec_of(args), test, as_json=args.json)
