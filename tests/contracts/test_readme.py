"""The README says what the program does, word for word where it can be checked."""

import re
from pathlib import Path

from mnist_tui.cli import EXPORT_FORMATS, build_parser
from mnist_tui.report.export import FORMATS
from mnist_tui.tui.commands import COMMANDS, key_table

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_key_table_is_that_of_the_program():
    table = README.partition("<!-- keys")[2].partition("-->\n")[2].partition("<!-- /keys -->")[0]
    assert table.strip() == key_table()


def test_no_key_does_two_things():
    keys = [key for command in COMMANDS for key in command.key.split(",")]
    assert len(keys) == len(set(keys))


def test_the_formats_of_the_command_line_are_those_that_can_be_written():
    assert tuple(EXPORT_FORMATS) == tuple(FORMATS)


def test_every_command_in_the_readme_exists():
    named = set(re.findall(r"^mnist-tui ([a-z]+)", README, re.MULTILINE))
    choices = next(action.choices for action in build_parser()._actions if action.dest == "command")
    assert named
    assert named <= set(choices or ())


def test_every_picture_in_the_readme_is_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (Path(__file__).parents[2] / picture).is_file()
