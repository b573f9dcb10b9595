import errno
import os
import stat
import threading

import pytest

from mnist_tui.core.comparison import build_table
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.report.files import save_comparison, write_atomically
from tests.builders import run_state


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def failing_with(number):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_text_is_written_byte_by_byte(tmp_path):
    write_atomically(tmp_path / "a.csv", "x,ü\r\n1,2\r\n")
    assert (tmp_path / "a.csv").read_bytes() == "x,ü\r\n1,2\r\n".encode()
    assert names(tmp_path) == ["a.csv"], "no temporary file is left"


def test_a_new_file_has_the_rights_that_the_umask_gives(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.md", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a.md").stat().st_mode & 0o777 == 0o640


def test_a_file_that_exists_is_replaced_only_with_force(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("old")
    with pytest.raises(UsageError, match=r"already exists\. Choose another name or add --force"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    write_atomically(path, "new", force=True)
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.md"]


def test_of_many_writers_of_one_name_exactly_one_wins(tmp_path):
    path, refused = tmp_path / "a.md", []
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        try:
            write_atomically(path, f"{number}" * 1000)
        except UsageError:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(range(8)) - set(refused)
    assert path.read_text() == f"{winner}" * 1000


def test_force_writes_through_a_link_and_keeps_it(tmp_path):
    (tmp_path / "real.md").write_text("old")
    link = tmp_path / "link.md"
    link.symlink_to("real.md")
    write_atomically(link, "new", force=True)
    assert link.is_symlink()
    assert (tmp_path / "real.md").read_text() == "new"


def test_force_never_replaces_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="not a regular file"):
            write_atomically(path, "x", force=True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "missing" / "a.md", "does not exist"),
        (lambda folder: folder / "file" / "a.md", "is not a folder"),
        (lambda folder: folder / ("a" * 300), "too long"),
    ],
)
def test_a_path_that_cannot_be_a_file_is_a_usage_error(tmp_path, make, sentence):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=sentence):
        write_atomically(make(tmp_path), "x")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "cannot be written to"),
        (errno.EACCES, "cannot be written to"),
        (errno.EIO, "could not be written: Input/output error"),
    ],
)
def test_a_disk_that_fails_is_told_in_a_sentence_and_leaves_nothing(tmp_path, monkeypatch, number, sentence):
    (tmp_path / "a.md").write_text("old")
    monkeypatch.setattr(os, "fsync", failing_with(number))
    with pytest.raises(MnistTuiError, match=sentence) as caught:
        write_atomically(tmp_path / "a.md", "new", force=True)
    assert caught.value.next_step
    assert (tmp_path / "a.md").read_text() == "old"
    assert names(tmp_path) == ["a.md"]


def test_the_file_and_then_its_folder_are_on_disk_before_it_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    write_atomically(tmp_path / "a.md", "x")
    assert synced == [False, True]


def test_a_disk_without_hard_links_still_gets_the_file_and_keeps_old_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", failing_with(errno.EPERM))
    write_atomically(tmp_path / "a.md", "new")
    with pytest.raises(UsageError, match="already exists"):
        write_atomically(tmp_path / "a.md", "newer")
    assert (tmp_path / "a.md").read_text() == "new"
    assert names(tmp_path) == ["a.md"]


def test_text_that_is_no_unicode_is_written_escaped(tmp_path):
    write_atomically(tmp_path / "a.json", '"\udc80"')
    assert (tmp_path / "a.json").read_bytes() == b'"\\udc80"'


def test_a_comparison_is_saved_three_times_under_one_free_name(tmp_path):
    table = build_table([run_state()])
    folder = tmp_path / "made" / "here"
    assert [path.name for path in save_comparison(table, folder, "runs")] == ["runs.md", "runs.csv", "runs.json"]
    assert [path.name for path in save_comparison(table, folder, "runs")] == ["runs-2.md", "runs-2.csv", "runs-2.json"]
    (folder / "runs-3.json").write_text("mine")
    assert save_comparison(table, folder, "runs")[0].name == "runs-4.md"
    assert (folder / "runs-3.json").read_text() == "mine"
    assert (folder / "runs-2.csv").read_bytes().endswith(b"\r\n")


def test_a_name_taken_while_saving_leaves_no_half_set(tmp_path, monkeypatch):
    link = os.link

    def taken_meanwhile(source, target):
        if target.name == "runs.json":
            target.write_text("of another process")
        link(source, target)

    monkeypatch.setattr(os, "link", taken_meanwhile)
    paths = save_comparison(build_table([run_state()]), tmp_path, "runs")
    assert [path.name for path in paths] == ["runs-2.md", "runs-2.csv", "runs-2.json"]
    assert names(tmp_path) == ["runs-2.csv", "runs-2.json", "runs-2.md", "runs.json"]


def test_a_full_disk_while_saving_leaves_no_half_set(tmp_path, monkeypatch):
    link = os.link

    def full_at_last(source, target):
        if target.name == "runs.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        link(source, target)

    monkeypatch.setattr(os, "link", full_at_last)
    with pytest.raises(MnistTuiError, match="the disk is full"):
        save_comparison(build_table([run_state()]), tmp_path, "runs")
    assert names(tmp_path) == []
