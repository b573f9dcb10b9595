"""Plain JSON values: what can be written for machines, whatever a value holds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from mnist_tui.core.spec import RunSpec


def to_json_value(value: Any) -> Any:
    """Return `value` as plain JSON: numbers JSON cannot hold become texts, dataclasses become objects."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool or (kind is float and math.isfinite(value)):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, RunSpec):
        return value.to_json()
    if is_dataclass(value):
        return {f.name: to_json_value(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json_value(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


def dumps(record: Mapping[str, Any]) -> str:
    """Return one line of strict JSON; bytes of a name that are no UTF-8 become escapes and read back as they were."""
    text = json.dumps(to_json_value(record), allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()
