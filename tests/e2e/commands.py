"""The installed command, run to its end or started."""

import os
import subprocess

from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S


def run(places, *arguments, check=None, command=(COMMAND,), **options):
    result = subprocess.run(
        [*command, *arguments],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        **options,
    )
    if check is not None:
        assert result.returncode == check, result.stderr
    assert "Traceback" not in result.stderr
    return result


def start(places, *arguments):
    return subprocess.Popen(
        [COMMAND, *arguments],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
