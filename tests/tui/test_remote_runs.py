"""What is known of the runs of another process."""

import json

from mnist_tui.runtime import remote_runs
from mnist_tui.runtime.remote_runs import RemoteRuns
from mnist_tui.wire.lines import PROTOCOL, event_line
from mnist_tui.wire.place import FOLDER, listen
from tests.builders import run_events


def test_a_run_is_shown_as_it_was_told_only_when_its_whole_story_was_told(tmp_path, monkeypatch):
    """A long story takes seconds, in which a run in its last epochs would seem to be in its first ones."""
    with listen(tmp_path, "other") as listener:
        monkeypatch.setattr(remote_runs, "sockets", lambda home: [home / FOLDER / "other.sock"])
        seen = RemoteRuns(tmp_path, "me")
        assert seen.poll() == []
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            hello = {"type": "hello", "protocol": PROTOCOL}
            connection.sendall(json.dumps(hello).encode() + b"\n")
            began, epoch, *_ = run_events("run-9")
            connection.sendall(event_line(began) + event_line(epoch))
            assert seen.poll() == [began, epoch]
            assert seen.runs == {}
            connection.sendall(b'{"type": "told"}\n')
            seen.poll()
            assert seen.runs["run-9"].epochs_done == 1
        seen.close()
