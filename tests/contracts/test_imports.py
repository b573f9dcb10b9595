"""Who may import whom, and what a quick command may not load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "textual", "sklearn", "numpy")


def test_the_arrows_between_the_rooms_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["--version"], ["run", "--help"], ["runs"], ["runs", "--json"], ["export"], ["events"]),
        *(["save", "nobody", "-o", "net.pt"], ["predict", "nobody", "image.png"], ["layers", "nobody"]),
    ],
)
def test_quick_commands_load_nothing_heavy(arguments, tmp_path):
    script = (
        "import sys\n"
        "from mnist_tui.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={"MNIST_TUI_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr.splitlines()[-1] == "[]"


def test_training_loads_nothing_that_it_does_not_need():
    """Each of these takes as long to load as PyTorch itself."""
    script = (
        "import sys\n"
        "import mnist_tui.engine.session, mnist_tui.engine.compiled\n"
        "print([name for name in ('torchvision', 'sklearn', 'torch._dynamo') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_app_opens_without_pytorch():
    script = (
        "import sys\n"
        "import mnist_tui.tui.app, mnist_tui.engine\n"
        "print([name for name in ('torch', 'torchvision', 'sklearn') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
