"""Files that the tools themselves wrote, see `data/make.py`."""

import gzip
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with the files of each tool, unpacked; not to be changed."""
    place = tmp_path_factory.mktemp("made")
    shutil.copytree(DATA, place, dirs_exist_ok=True)
    shutil.rmtree(place / "expected")
    for path in place.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    return place


@pytest.fixture
def files(made, tmp_path):
    """The same, as a copy to change."""
    return Path(shutil.copytree(made, tmp_path / "files"))
