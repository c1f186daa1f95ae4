"""Which format a record is in: by name, or by the fields it has; the formats of one installation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies
from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.mapping.loading import load_mappings
from stormwatch.events.readers import account_record, usage_event
from stormwatch.model.errors import InvalidInput, WrongUsage


class Format(StrEnum):
    """The formats that ingest reads without a mapping."""

    AUTO = "auto"
    USAGE_EVENT = "usage-event"
    ACCOUNT_RECORD = "account-record"
    LITELLM = "litellm"
    OTLP = "otlp"


# Names that no mapping may take.
RESERVED: Final = frozenset(Format)

_SHARED: Final = usage_event.FIELDS & account_record.FIELDS
_EVENT: Final = usage_event.FIELDS - _SHARED
_REQUIRED: Final = frozenset({"event_id", "time", "account_id"})
_ACCOUNT: Final = account_record.FIELDS - _SHARED | {"account_id"}
_LITELLM: Final = frozenset({"litellm_call_id", "call_type", "startTime", "model_map_information", "hidden_params"})
_OTLP: Final = frozenset({"resourceSpans", "resourceLogs"})

Known = Format | CompiledMapping


class Formats:
    """What one installation reads: the built-in formats and its mappings, with the proxies that it trusts."""

    def __init__(self, mappings: Sequence[CompiledMapping] = (), proxies: TrustedProxies = NOBODY_TRUSTED) -> None:
        self.mappings = {mapping.name: mapping for mapping in mappings}
        self.proxies = proxies

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that `--format` takes."""
        return (*Format, *self.mappings)

    def named(self, name: str) -> Known:
        """The format of a name; WrongUsage lists the names there are."""
        if name in self.mappings:
            return self.mappings[name]
        if name not in set(Format):
            raise WrongUsage(f"there is no format {name[:80]!r}", remedy=f"name one of {', '.join(self.names)}")
        return Format(name)

    def recognise(self, value: dict[str, Any]) -> Known:
        """The mapping whose tests hold, else the built-in format whose own fields the object has most of.

        InvalidInput when it has none of any.
        """
        if not value.keys() >= _REQUIRED:
            for mapping in self.mappings.values():
                if mapping.recognises(value):
                    return mapping
        return recognise(value)


def formats_of(folders: Iterable[Path], proxies: TrustedProxies) -> Formats:
    """The formats of an installation with more folders of mappings; InvalidInput locates a fault in one of them."""
    return Formats(load_mappings(folders, proxies, RESERVED), proxies)


@cache
def shipped_formats() -> Formats:
    """The formats without anything that an installation added."""
    return formats_of((), NOBODY_TRUSTED)


def recognise(value: dict[str, Any]) -> Format:
    """The built-in format whose own fields the object has most of; InvalidInput when it has none of any."""
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
