"""What helps before a run: a plan that trains nothing, and completion in the shell."""

import json
import shutil
import subprocess

import pytest

from mnist_tui.cli import main


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_dry_run_lists_the_runs_and_starts_none(capsys, empty_home):
    assert main(["run", "--dry-run", "--epochs", "10,20", "--features", "2-4", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6
    assert "20 epochs x 4 features, seed 7" in out
    assert "6 runs, about" in err
    assert not empty_home.exists()


def test_a_dry_run_is_readable_by_programs(capsys):
    assert main(["run", "--dry-run", "--lr", "0.01", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    planned = json.loads(line)
    assert planned["type"] == "planned"
    assert planned["spec"]["learning_rate"] == 0.01


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_completion_script_knows_the_commands_but_not_the_internal_one(capsys, shell):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "insight" in script
    assert "'work'" not in script


def test_bash_completes_a_command(capsys, tmp_path):
    if (bash := shutil.which("bash")) is None:
        pytest.skip("there is no bash here")
    main(["completion", "bash"])
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    ask = "source ./completion; COMP_WORDS=(mnist-tui ins); COMP_CWORD=1; _shtab_mnist_tui; echo ${COMPREPLY[@]}"
    answer = subprocess.run([bash, "-c", ask], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert answer.stdout.split() == ["insight"]
