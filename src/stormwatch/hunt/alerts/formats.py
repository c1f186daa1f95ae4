"""Messages to the bytes that receivers read: our own JSON, OCSF or ECS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from stormwatch.hunt.alerts.ecs import ecs_record
from stormwatch.hunt.alerts.message import Message
from stormwatch.hunt.alerts.ocsf import ocsf_finding
from stormwatch.model.alert import AlertKind


class AlertFormat(StrEnum):
    """Shapes of an alert."""

    NATIVE = "native"
    OCSF = "ocsf"
    ECS = "ecs"


_MILLISECONDS: Final = frozenset({"first_ms", "last_ms", "raised_ms"})


def native(message: Message) -> Mapping[str, Any]:
    """The shape that Standard Webhooks suggests: type, timestamp, data."""
    known = msgspec.to_builtins(message)
    data = {name: value for name, value in known.items() if name not in _MILLISECONDS and value is not None}
    kind = "alert.test" if message.kind is AlertKind.TEST else "alert.raised"
    return {"type": kind, "timestamp": message.raised_time, "data": data}


_WRITERS: Final[Mapping[AlertFormat, Callable[[Message], Mapping[str, Any]]]] = {
    AlertFormat.NATIVE: native,
    AlertFormat.OCSF: ocsf_finding,
    AlertFormat.ECS: ecs_record,
}


def encode(message: Message, form: AlertFormat) -> bytes:
    """One JSON object without line breaks, UTF-8."""
    return msgspec.json.encode(_WRITERS[form](message))
