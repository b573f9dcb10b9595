"""The README and the docs say what the program does, word for word where it can be checked."""

import re
from pathlib import Path

import pytest

from mnist_tui.cli import build_parser
from mnist_tui.tui.commands import COMMANDS, key_table

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_key_table_is_that_of_the_program():
    table = read("docs/keys.md").partition("<!-- keys")[2].partition("-->\n")[2].partition("<!-- /keys -->")[0]
    assert table.strip() == key_table()


def test_no_key_does_two_things():
    keys = [key for command in COMMANDS for key in command.key.split(",")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:\.venv/bin/)?mnist-tui ([a-z][a-z-]*)", text, re.MULTILINE))
    choices = next(action.choices for action in build_parser()._actions if action.dest == "command")
    assert named <= set(choices or ())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_and_page_that_is_linked_is_there(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("https://") or (page.parent / link).is_file(), link


def test_the_readme_shows_a_picture_and_the_commands_and_is_read_in_five_minutes():
    readme = read("README.md")
    assert "![" in readme
    assert "\nmnist-tui run" in readme
    assert len(readme.encode()) <= 8 * 1024
