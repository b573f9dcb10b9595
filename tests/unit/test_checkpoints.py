"""Checkpoint files are whole or absent."""

import os

import pytest

from mnist_tui.store import checkpoints


def test_what_was_written_is_read_back_and_private(tmp_path):
    digest = checkpoints.write(tmp_path / "run", "a.ckpt", b"weights")
    assert checkpoints.read(tmp_path / "run", "a.ckpt", digest) == b"weights"
    assert (tmp_path / "run" / "a.ckpt").stat().st_mode & 0o077 == 0


def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, monkeypatch):
    digest = checkpoints.write(tmp_path, "a.ckpt", b"the old weights")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(tmp_path, "a.ckpt", b"new weights")
    assert checkpoints.read(tmp_path, "a.ckpt", digest) == b"the old weights"
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_only_the_named_files_are_kept(tmp_path):
    for name in ("a.ckpt", "b.ckpt", ".c.ckpt.part"):
        (tmp_path / name).write_bytes(b"x")
    checkpoints.sweep(tmp_path, ["b.ckpt"])
    assert [path.name for path in tmp_path.iterdir()] == ["b.ckpt"]
