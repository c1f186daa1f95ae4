"""Which format a record is in: by name, or by the fields it has."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from stormwatch.events.readers import account_record, usage_event
from stormwatch.model.errors import InvalidInput


class Format(StrEnum):
    """The formats that ingest reads."""

    AUTO = "auto"
    USAGE_EVENT = "usage-event"
    ACCOUNT_RECORD = "account-record"
    LITELLM = "litellm"
    OTLP = "otlp"


_SHARED: Final = usage_event.FIELDS & account_record.FIELDS
_EVENT: Final = usage_event.FIELDS - _SHARED
_ACCOUNT: Final = account_record.FIELDS - _SHARED | {"account_id"}
_LITELLM: Final = frozenset({"litellm_call_id", "call_type", "startTime", "model_map_information", "hidden_params"})
_OTLP: Final = frozenset({"resourceSpans", "resourceLogs"})


def recognise(value: dict[str, Any]) -> Format:
    """The format whose own fields the object has most of; InvalidInput when it has none of any."""
    scores = {
        Format.LITELLM: 2 * len(value.keys() & _LITELLM),
        Format.USAGE_EVENT: len(value.keys() & _EVENT),
        Format.ACCOUNT_RECORD: len(value.keys() & _ACCOUNT),
        Format.OTLP: 9 * len(value.keys() & _OTLP),
    }
    found = max(scores, key=lambda name: scores[name])
    if not scores[found]:
        raise InvalidInput("has no field of any known format", remedy="name the format with --format")
    return found
