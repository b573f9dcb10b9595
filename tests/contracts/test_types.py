"""Types, checked strictly. As a test, it runs beside the others: it takes a minute of one core."""

import subprocess
import sys
from pathlib import Path


def test_mypy_finds_nothing():
    result = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
