"""What a disk holds after a power cut, replayed from the system calls that wrote to it.

The strictest disk that POSIX allows keeps of a file what was synced, and of a folder the names that it had when the
folder itself was synced. `names_at_once` is the other extreme: all names are on the disk at once, contents as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CALLS: Final = "openat,write,writev,pwrite64,lseek,fsync,fdatasync,rename,unlink,mkdir,ftruncate"
"""What strace has to watch, with `-f -y -xx` and strings in full."""

_CALL: Final = re.compile(rb"\d+ +(\w+)\((.*)\) = (-?\d+)(?:<(.*)>)?", re.DOTALL)
_PATH: Final = re.compile(rb"\d+<(.*?)>", re.DOTALL)
_TEXT: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_HEX: Final = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(slots=True)
class _File:
    content: bytearray = field(default_factory=bytearray)
    on_disk: bytes = b""


@dataclass(slots=True)
class Disk:
    """Files and folders below one folder, as programs see them and as a power cut would leave them."""

    root: str
    names_at_once: bool = False
    _now: dict[str, _File | None] = field(default_factory=dict)
    _kept: dict[str, _File | None] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    def replay(self, trace: Path) -> Iterator[list[int]]:
        """Replay call by call; after each one that changed something yield the epochs told so far."""
        told: list[int] = []
        for line in trace.read_bytes().splitlines():
            found = _CALL.match(line)
            if found is None or found[3].startswith(b"-"):
                continue
            if found[1] == b"writev":
                told.append(int(_text(found[2])))
            elif self._apply(found[1].decode(), found[2], int(found[3]), _unescaped(found[4] or b"").decode()):
                yield list(told)

    def leave(self, place: Path) -> None:
        """Write what a power cut would leave now into a folder."""
        kept = self._now if self.names_at_once else self._kept
        for path in sorted(kept):
            above = path.rpartition("/")[0]
            if path != self.root and above not in kept:
                continue  # its folder was lost, and it with it
            target = Path(f"{place}{path.removeprefix(self.root)}")
            if (file := kept[path]) is None:
                target.mkdir()
            else:
                target.write_bytes(file.on_disk)

    def _is_ours(self, path: str) -> bool:
        return path == self.root or path.startswith(f"{self.root}/")

    def _apply(self, call: str, arguments: bytes, result: int, opened: str) -> bool:
        if call == "openat":
            return self._open(opened, arguments)
        if call in ("mkdir", "unlink", "rename"):
            return self._rename(call, arguments)
        path = _path(arguments)
        if call in ("fsync", "fdatasync"):
            return self._sync(path)
        if not self._is_ours(path) or (file := self._now.get(path)) is None:
            return False
        numbers = [int(n) for n in re.findall(rb", (\d+)", _TEXT.sub(b"", arguments))]
        if call == "lseek":
            self._places[path] = result
        elif call == "ftruncate":
            file.content[numbers[0] :] = bytes(max(0, numbers[0] - len(file.content)))
        else:
            at = numbers[1] if call == "pwrite64" else self._places.get(path, 0)
            file.content.extend(bytes(max(0, at - len(file.content))))
            file.content[at : at + result] = _text(arguments)[:result]
            self._places[path] = at + result
        return call != "lseek"

    def _open(self, path: str, arguments: bytes) -> bool:
        if not self._is_ours(path) or b"O_CREAT" not in arguments:
            return False
        if path not in self._now:
            self._now[path] = _File()
        file = self._now[path]
        assert file is not None
        if b"O_TRUNC" in arguments:
            file.content.clear()
        self._places[path] = 0
        return True

    def _rename(self, call: str, arguments: bytes) -> bool:
        first, *rest = [_unescaped(text).decode() for text in _TEXT.findall(arguments)]
        if not self._is_ours(first):
            return False
        if call == "mkdir":
            self._now[first] = None
        else:
            file = self._now.pop(first)
            if rest:
                self._now[rest[0]] = file
        return True

    def _sync(self, path: str) -> bool:
        """Sync a file's content, or a folder's names."""
        if (file := self._now.get(path)) is not None:
            file.on_disk = bytes(file.content)
            return True
        below = [name for name in self._now if name.rpartition("/")[0] == path]
        gone = [name for name in self._kept if name.rpartition("/")[0] == path and name not in self._now]
        for name in gone:
            del self._kept[name]
        for name in below:
            self._kept[name] = self._now[name]
        return bool(below or gone)


def _unescaped(text: bytes) -> bytes:
    return _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), text)


def _text(arguments: bytes) -> bytes:
    found = _TEXT.search(arguments)
    assert found is not None
    return _unescaped(found[1])


def _path(arguments: bytes) -> str:
    found = _PATH.match(arguments)
    return _unescaped(found[1]).decode() if found else ""
