"""The helper process that talks to Ray: it creates workers there and relays between them and their pipes.

Workers are polled for all their pending replies instead of streaming event by event: Ray makes an object of each item
of a stream, at most a thousand per second, and `ray://` has no streams.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

import ray

from mnist_tui.core.events import Notice
from mnist_tui.core.orders import HAND_OVER, Order
from mnist_tui.workers.actor import Remote
from mnist_tui.workers.cluster import LOCAL, is_own
from mnist_tui.workers.worker import OVER, Engine, Reply, Request

ASK_S: Final = 2.0
"""How long to wait for a silent worker before polling it again."""
ROOM_S: Final = 10.0
"""After how long to report that the cluster has no room."""
STORE_BYTES: Final = 256 * 1024**2
"""Shared memory of a local Ray's object store: a few hundred checkpoints."""
_ENDINGS: Final = ("stop", "skip", HAND_OVER)


def main() -> None:
    """Connect to Ray, report how many workers fit, and create one for each pipe received, until the socket closes."""
    line = socket.socket(fileno=int(sys.argv[1]))
    try:
        _connect(sys.argv[2])
        demand, room = share(ray.cluster_resources())
    except Exception as error:  # noqa: BLE001 - whatever it is, the waiting process must be told
        traceback.print_exc()
        token = "" if is_own(sys.argv[2]) else " (one that asks for a token needs RAY_AUTH_MODE=token)"
        problem = f"Ray cannot be reached: {_reason(error)}{token}"
        line.sendall(json.dumps({"problem": problem}).encode())
        raise SystemExit(1) from None
    line.sendall(json.dumps({"room": room}).encode())
    while True:
        said, handles, _, _ = socket.recv_fds(line, 1, 1)
        for handle in handles:
            threading.Thread(target=_Carrier(Connection(handle), demand).work, daemon=True).start()
        if not said:
            break
    ray.shutdown()


def share(resources: Mapping[str, float]) -> tuple[dict[str, float], int]:
    """Return the resources that a worker requests from Ray, and how many workers fit: one per GPU if there are any.

    Args:
        resources: Resources of the whole cluster, by Ray's names.
    """
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if gpus:
        return {"num_cpus": 1, "num_gpus": 1}, max(1, min(cpus, gpus))
    return {"num_cpus": 1}, max(1, cpus)


def _connect(place: str) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if place != LOCAL:
        settings["address"] = place
    elif is_own(place):
        settings.update(include_dashboard=False, object_store_memory=STORE_BYTES)
    ray.init(**settings)


def _reason(error: BaseException) -> str:
    """Return an error's message as one line; if Ray wraps a traceback, its last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[-1 if "creation task" in lines[0] else 0]
    return said[:300].rstrip(".")


class _Carrier:
    """Relays between a pipe and the worker that it creates on the cluster."""

    def __init__(self, pipe: Connection, demand: Mapping[str, float]) -> None:
        self._pipe, self._demand = pipe, demand
        self._is_ready = self._is_over = False
        self._actor: Any = None
        self._lock = threading.Lock()

    def work(self) -> None:
        """Relay until one of the two ends is gone; then release the other one."""
        try:
            engine: Engine = self._pipe.recv()
        except (EOFError, OSError):
            return
        # As many threads as concurrent calls: one that waits for replies, and orders.
        made = ray.remote(Remote).options(max_restarts=0, max_task_retries=0, max_concurrency=4, **self._demand)
        try:
            self._actor = made.remote(engine)
            threading.Thread(target=self._carry_orders, daemon=True).start()
            self._wait_for_room()
            while not self._is_over:
                for said in ray.get(self._actor.hear.remote(ASK_S)):
                    if said is None:
                        return
                    self._say(said)
                    self._is_over = self._is_over or said == OVER
        except (ray.exceptions.RayError, ConnectionError) as error:
            if not self._is_over:
                traceback.print_exc()
                if not self._is_ready:
                    message = f"Ray could not start a worker: {_reason(error)}."
                    self._say(Notice(level="warning", message=message))
        finally:
            self._let_go()

    def _wait_for_room(self) -> None:
        ready = self._actor.ready.remote()
        if not ray.wait([ready], timeout=ROOM_S)[0]:
            self._say(Notice(level="information", message="Ray has no room for another worker yet; it is queued."))
        ray.get(ready)
        with self._lock:
            self._is_ready = True

    def _carry_orders(self) -> None:
        while True:
            try:
                told: Request = self._pipe.recv()
            except (EOFError, OSError):
                # The process that requested the worker is gone.
                told = None
            with self._lock:
                ends = isinstance(told, Order) and told.kind in _ENDINGS
                if told is None or (ends and not self._is_ready):
                    # A worker that waits for room has not started anything.
                    self._is_over = True
                    if told is not None:
                        self._say(OVER)
                    ray.kill(self._actor)
                    return
            self._actor.take_in.remote(told)

    def _say(self, said: Reply) -> None:
        try:
            self._pipe.send(said)
        except OSError:
            self._is_over = True

    def _let_go(self) -> None:
        # Close both ends: that tells the other side.
        with socket.socket(fileno=os.dup(self._pipe.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
        # It may be dead already, and Ray with it.
        with suppress(Exception):
            ray.kill(self._actor)


if __name__ == "__main__":
    main()
