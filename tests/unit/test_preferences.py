"""What the app remembers, and what becomes of a settings file that people wrote into."""

from dataclasses import replace

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis
from mnist_tui.runtime.preferences import FILE, Preferences, load, save
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.keymap import rebound

OTHER = Preferences(
    theme="nord",
    look=ChartView(scale=Scale.ERROR_LOG, x=XAxis.SECONDS, smoothing=Smoothing.LIGHT),
    spec=RunSpec(epochs=33, features=7, seed=5, learning_rate=3e-4, batch_size=32, dataset="digits", device="cpu"),
    bell=False,
)


def test_what_is_saved_is_there_again(tmp_path):
    assert load(tmp_path) == (Preferences(), [])
    save(tmp_path, OTHER)
    assert load(tmp_path) == (OTHER, [])
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_comments_order_and_keys_of_ones_own_stay(tmp_path):
    path = tmp_path / FILE
    path.write_text('# mine\n[keys]\nstop = "ctrl+x"  # never by accident\n\n[next_run]\nepochs = 5 # short\n')
    preferences, problems = load(tmp_path)
    assert not problems
    assert preferences.spec.epochs == 5
    assert preferences.keys == {"stop": "ctrl+x"}
    save(tmp_path, replace(preferences, spec=replace(preferences.spec, epochs=6)))
    text = path.read_text()
    assert text.startswith('# mine\n[keys]\nstop = "ctrl+x"  # never by accident\n')
    assert "epochs = 6 # short" in text
    again, _ = load(tmp_path)
    assert again.keys == {"stop": "ctrl+x"}
    before = path.stat().st_mtime_ns
    save(tmp_path, again)
    assert path.stat().st_mtime_ns == before, "what is the same is not written"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[look\n", "cannot be read"),
        ("\xff\xfe", ""),
        ('[look]\nscale = "cubic"\n', "scale must be one of linear, error_log, log, full"),
        ("[next_run]\nepochs = 0\n", "epochs must be a whole number from 1 to 100,000, not 0"),
        ('[next_run]\ndataset = "cats"\n', "dataset must be one of"),
        ("[colours]\n", r"unknown section [colours]"),
        ("look = 3\n", "[look] must be a table"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_rest_holds(tmp_path, text, said):
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    preferences, problems = load(tmp_path)
    assert preferences == Preferences()
    assert said in " ".join(problems)
    assert problems


def test_a_file_that_cannot_be_read_is_never_written_over(tmp_path):
    (tmp_path / FILE).write_text("[look\n")
    with pytest.raises(MnistTuiError, match="Fix or delete it"):
        save(tmp_path, OTHER)
    assert (tmp_path / FILE).read_text() == "[look\n"


def test_keys_of_ones_own_take_the_place_of_the_usual_ones():
    commands, problems = rebound({"stop": "ctrl+x", "epochs(1)": "plus_minus,right_square_bracket"})
    assert not problems
    stop = next(command for command in commands if command.action == "stop")
    assert (stop.key, stop.label) == ("ctrl+x", "Ctrl+X")
    assert len(commands) == len(COMMANDS)


@pytest.mark.parametrize(
    ("keys", "said"),
    [({"fly": "f"}, "unknown action 'fly'"), ({"stop": "p"}, "p is bound to two actions, pause and stop")],
)
def test_keys_that_cannot_be_had_are_told(keys, said):
    commands, problems = rebound(keys)
    assert commands == COMMANDS
    assert said in " ".join(problems)
