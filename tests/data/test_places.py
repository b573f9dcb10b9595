"""MNIST is found wherever someone put its files near the named folder, and a proxy's failure is called that."""

import gzip
import hashlib

import pytest

from mnist_tui.core.events import Notice
from mnist_tui.data.places import data_status, download_place, outlook, places
from mnist_tui.errors import DataError
from mnist_tui.store.home import home
from tests.data.made import GOOD, fill, made_source, packed, prepare, put, roots

__all__ = ["roots"]


@pytest.mark.parametrize(
    ("named", "files_in"),
    [
        (".", "MNIST/raw"),
        (".", "."),
        (".", "raw"),
        (".", "MNIST"),
        ("MNIST", "MNIST/raw"),
        ("MNIST/raw", "MNIST/raw"),
        (".", "data/MNIST/raw"),
        ("processed", "MNIST/raw"),
    ],
)
def test_files_are_found_near_the_named_folder(roots, monkeypatch, named, files_in):
    root = roots[0]
    monkeypatch.setenv("MNIST_TUI_DATA", str(root / named))
    (root / files_in).mkdir(parents=True)
    fill(root / files_in, packed(GOOD))
    told, dataset = prepare()
    assert dataset.info.source == str(root / files_in)
    assert not [event for event in told if isinstance(event, Notice)]


def known_by_content():
    digest = hashlib.sha256()
    for name, content in GOOD.items():
        digest.update(content[16 if "images" in name else 8 :])
    return made_source(sha256=digest.hexdigest())


@pytest.mark.parametrize("repack", [False, True])
def test_files_named_with_a_dot_do_as_well(roots, repack):
    dotted = {name.replace("-idx", ".idx"): content for name, content in GOOD.items()}
    put(roots[0], packed(dotted) if repack else dotted)
    assert prepare(source=known_by_content())[1].info.n_test == 30


def test_files_that_were_packed_again_are_known_by_their_content(roots):
    source = known_by_content()
    folder = put(roots[0], {f"{name}.gz": gzip.compress(content, 1, mtime=5) for name, content in GOOD.items()})
    assert prepare(source=source)[1].info.source == str(folder)
    other = {**GOOD, "t10k-labels-idx1-ubyte": GOOD["t10k-labels-idx1-ubyte"][:-1] + b"\3"}
    put(roots[0], {f"{name}.gz": gzip.compress(content, 1) for name, content in other.items()})
    with pytest.raises(DataError, match="could not be downloaded"):
        prepare(source=source)


@pytest.mark.parametrize(("named", "target"), [(".", "MNIST/raw"), ("MNIST", "MNIST/raw"), ("MNIST/raw", "MNIST/raw")])
def test_downloads_never_go_to_a_raw_folder_within_a_raw_folder(roots, monkeypatch, named, target):
    monkeypatch.setenv("MNIST_TUI_DATA", str(roots[0] / named))
    assert download_place().folder == roots[0] / target


def test_a_tilde_is_the_users_home(roots, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MNIST_TUI_DATA", "~/sets")
    monkeypatch.setenv("MNIST_TUI_HOME", "~/runs")
    assert places()[0].folder == tmp_path / "sets" / "MNIST" / "raw"
    assert home() == tmp_path / "runs"
    monkeypatch.setenv("MNIST_TUI_HOME", "~nobody-of-that-name/runs")
    assert home().name == "runs"


@pytest.mark.parametrize(
    ("variable", "proxy", "said"),
    [("HTTP_PROXY", "http://127.0.0.1:9", "the proxy failed"), ("ALL_PROXY", "socks5://127.0.0.1:9", "SOCKS proxy")],
)
def test_a_proxy_that_fails_is_blamed_and_not_the_mirror(roots, monkeypatch, variable, proxy, said):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(DataError, match=said):
        prepare(source=made_source(mirrors=("http://mirror.invalid/",)))


def test_the_outlook_names_the_folder_or_says_what_will_be_trained_instead(roots):
    assert "not here yet" in outlook()
    assert "8x8 digits" in outlook()
    folder = put(roots[1], packed(GOOD))
    assert str(folder) in outlook()


def test_a_file_in_place_of_the_folder_is_told(roots, monkeypatch, tmp_path):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MNIST_TUI_DATA", str(tmp_path / "a file"))
    first = data_status()[0]
    assert (first.state, first.detail) == ("missing", "MNIST_TUI_DATA names a file, not a folder")
