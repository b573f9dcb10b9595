"""Settings of a run, as TensorBoard's dashboard for them stores them in an event file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from mnist_tui.core.script import Scalar
from mnist_tui.formats.protobuf import fields, message, text
from mnist_tui.formats.writing import field, record


def settings_in(data: bytes) -> Iterator[tuple[str, Scalar]]:
    """Yield the settings of a run, as TensorBoard's dashboard for them stores them."""
    for number, value in fields(data):
        if number != 3:
            continue
        for pair in (one for inner, one in fields(message(value)) if inner == 1):
            parts = dict(fields(message(pair)))
            for kind, setting in fields(message(parts.get(2))):
                if kind == 2 and isinstance(setting, bytes) and len(setting) == 8:
                    (number_,) = struct.unpack("<d", setting)
                    yield text(parts.get(1)), int(number_) if number_.is_integer() else number_
                elif kind in (3, 4):
                    yield text(parts.get(1)), text(setting) if kind == 3 else bool(setting)


def settings_record(settings: Mapping[str, Scalar], time: float) -> bytes:
    """Return the record that describes a run's settings to TensorBoard's dashboard for them."""
    pairs = b"".join(field(1, field(1, key.encode()) + field(2, _value(value))) for key, value in settings.items())
    # HParamsPluginData: session_start_info.
    content = field(3, pairs)
    plugin = field(1, b"hparams") + field(2, content)
    value = (
        field(1, b"_hparams_/session_start_info") + field(8, field(2, b"") + b"\x08\x01") + field(9, field(1, plugin))
    )
    body = b"\x09" + struct.pack("<d", time) + field(5, field(1, value))
    return record(body)


def _value(value: Scalar) -> bytes:
    """Return a value of the type that stands for any."""
    if isinstance(value, bool):
        return b"\x20" + bytes([value])
    if isinstance(value, int | float):
        return b"\x11" + struct.pack("<d", value)
    return field(3, str(value).encode(errors="replace"))
