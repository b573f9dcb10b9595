"""Workers on a Ray cluster, managed by a helper process: Ray is imported there, and its output stays there."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.events import Preparing
from mnist_tui.core.spec import new_run_id
from mnist_tui.environment import PYTHON
from mnist_tui.errors import ClusterError, UsageError
from mnist_tui.store.home import new_log
from mnist_tui.workers.link import Link, end_process
from mnist_tui.workers.worker import Engine

LOCAL: Final = "ray"
"""Selects the cluster in `RAY_ADDRESS`, else a local Ray on this machine."""
REMOTE: Final = "ray://"
_ADDRESS: Final = re.compile(rf"({REMOTE})?[^/\s]+:[0-9]{{1,5}}/?")
HELPER: Final = "mnist_tui.workers.helper"
PATIENCE_S: Final = 180.0
"""How long Ray may take: it starts within half a minute on a busy machine; it would retry a dead address forever."""
CONNECT_S: Final = 10.0
"""How long an address may take to answer."""
_SAYS_S: Final = 0.1
"""How often to check whether it is ready, or no longer wanted."""
_MOST: Final = 1 << 16
"""Maximum size of an answer in bytes."""


def check_place(place: str) -> str:
    """Validate a cluster's address and return it.

    Raises:
        UsageError: It does not name a cluster, or Ray is not installed.
    """
    if place != LOCAL and not (place.startswith(REMOTE) and _ADDRESS.fullmatch(place)):
        raise UsageError(f"runs cannot be trained on {place[:80]!r}", "Use `ray`, or `ray://HOST:PORT`")
    if find_spec("ray") is None:
        raise UsageError("Ray is not installed", "Install the extra `mnist-tui[ray]`, from a checkout `.[ray]`")
    return place


def is_own(place: str) -> bool:
    """Return whether a local Ray is started just for this process."""
    return place == LOCAL and not os.environ.get("RAY_ADDRESS")


class Cluster:
    """A Ray cluster, reached through a helper process.

    Args:
        place: `ray` or `ray://HOST:PORT`.
        home: Where the helper's log goes.

    Attributes:
        place: As given.
        room: Number of workers that fit; 1 until that is known.
        log: The newest log of Ray and the helper.
    """

    def __init__(self, place: str, home: Path) -> None:
        self.place, self.room = place, 1
        self.log = home / "logs"
        self._home = home
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._answer: dict[str, Any] = {}

    def start(self) -> None:
        """Start the helper unless it is running; return immediately.

        Raises:
            StoreError: The home cannot be written.
        """
        with self._lock:
            if self._is_alive:
                return
            self._leave()
            self.log = new_log(self._home, "ray", new_run_id())
            self._line, theirs = socket.socketpair()
            with theirs, self.log.open("ab") as said:
                self._helper = subprocess.Popen(
                    [*PYTHON, "-m", HELPER, str(theirs.fileno()), self.place],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env={**os.environ, **self._settings},
                )

    @property
    def _is_alive(self) -> bool:
        return self._helper is not None and self._helper.poll() is None

    @property
    def _settings(self) -> dict[str, str]:
        """Ray's environment: no usage reports, and if possible no connections from other machines."""
        alone = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if is_own(self.place) else {}
        return {"RAY_USAGE_STATS_ENABLED": "0", **alone}

    def opening(self, is_unwanted: Callable[[], bool]) -> Iterator[Preparing]:
        """Start the helper and report progress, until it is ready or no longer wanted.

        Raises:
            ClusterError: The cluster is unavailable.
        """
        if self._is_alive and self._answer:
            return
        yield Preparing(message="starting Ray" if is_own(self.place) else "connecting to Ray")
        self._check_address()
        self.start()
        last = time.monotonic() + PATIENCE_S
        while not (is_unwanted() or self._hear(_SAYS_S)):
            if time.monotonic() > last:
                self.close()
                raise self._lost(f"Ray has not answered for {PATIENCE_S:g} seconds")

    def link(self, engine: Engine) -> Link:
        """Return a new worker on the cluster; it may wait there for room.

        Raises:
            ClusterError: The cluster is out of reach.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                if self._line is None or not self._is_alive:
                    raise BrokenPipeError
                socket.send_fds(self._line, [b"+"], [theirs.fileno()])
            except OSError:
                ours.close()
                self.close()
                raise self._lost("the connection to Ray is lost") from None
        return Link(ours, engine)

    def close(self) -> None:
        """Disconnect from the cluster; a local one, started just for this process, shuts down."""
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._helper is not None:
            end_process(self._helper)
        self._line = self._helper = None
        self._answer = {}

    def _hear(self, within_s: float) -> bool:
        """Return whether the helper has reported that it is ready."""
        line = self._line
        if line is None:
            raise self._lost("the connection to Ray was closed")
        line.settimeout(within_s)
        try:
            said = line.recv(_MOST)
        except TimeoutError:
            return False
        except OSError:
            said = b""
        finally:
            line.settimeout(None)
        try:
            answer = json.loads(said)
            problem = str(answer.get("problem", ""))
        except (ValueError, AttributeError):
            problem = "Ray exited while it was starting"
        if problem:
            self.close()
            raise self._lost(problem)
        self._answer, self.room = answer, max(1, int(answer["room"]))
        return True

    def _check_address(self) -> None:
        """Check that something listens at the address: Ray itself would retry a dead one for more than a minute."""
        place = os.environ.get("RAY_ADDRESS", "") if self.place == LOCAL else self.place
        if not _ADDRESS.fullmatch(place):
            # Such as `auto`, which Ray resolves itself.
            return
        host, _, port = place.removeprefix(REMOTE).strip("/").rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        except (OSError, ValueError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a valid host and port"
            what = f"no Ray cluster can be reached at {place} ({reason or error})"
            raise ClusterError(what, "Check the address, or train on this machine without --on") from None

    def _lost(self, what: str) -> ClusterError:
        return ClusterError(what, f"Ray's own output is in {self.log}")
