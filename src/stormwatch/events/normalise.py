"""One event as sent to the record that is stored: time placed, address canonical, secrets redacted, text packed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stormwatch.events.addresses import canonical_address
from stormwatch.events.records import EventRecord
from stormwatch.events.redaction import Redactor
from stormwatch.events.script import dominant_script
from stormwatch.events.sent import SentEvent
from stormwatch.events.turns import calls, turns
from stormwatch.model.errors import InvalidInput
from stormwatch.model.event import EventText, Message, ToolCall
from stormwatch.storage.keyring import Keyring

# Before 2020 nobody sold access to a language model, so an earlier stamp is a clock that lost its battery or a wrong
# unit. Ahead of now the bound is generous, since replayed and simulated traffic may lie in the future; a stamp beyond
# 2100 is a wrong unit, and would stay the "latest event" for good.
EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# What callers may choose or send, with the longest value that is stored; the rest goes to the attributes.
_SHORT: Final = 256
_LENGTHS: Final = {
    "org_id": _SHORT,
    "end_user_id": _SHORT,
    "api_key_id": _SHORT,
    "session_id": _SHORT,
    "user_agent": 4096,
    "tls_fingerprint": _SHORT,
    "device_id": _SHORT,
    "operation": _SHORT,
    "provider": _SHORT,
    "model": _SHORT,
    "finish_reason": _SHORT,
    "error_type": _SHORT,
}
_NUL_SHOWN: Final = "\ufffd"  # databases refuse NUL in text

_pack = msgspec.msgpack.encode
_json = msgspec.json.Encoder(order="deterministic").encode

Identifiers = tuple[str | None, ...]


class Normaliser:
    """Turns events as sent into records. One per process and key; safe for several threads."""

    def __init__(self, keyring: Keyring) -> None:
        self.redactor = Redactor(keyring)
        self._content_key = keyring.subkey("event-content")
        self._keyed_hash = keyring.keyed_hash

    def event(self, sent: SentEvent) -> EventRecord:
        """The record of one event; InvalidInput says why there can be none."""
        if not EARLIEST <= sent.time < LATEST:
            raise InvalidInput(f"time lies outside {EARLIEST.year} to {LATEST.year - 1}")
        if "\0" in sent.account_id:
            raise InvalidInput("account_id holds a NUL character")
        content = blake2b(_json(sent), digest_size=16, key=self._content_key).digest()
        identifiers, extra = _fitted(_identifiers(sent))
        address = canonical_address(sent.source_ip) if sent.source_ip else None
        if sent.source_ip and address is None:
            extra["source_ip"] = sent.source_ip
        attributes = {**(sent.attributes or {}), **extra}
        text = EventText(
            sent.event_id.replace("\0", _NUL_SHOWN),
            turns(sent.input or ()),
            turns(sent.output or ()),
            calls(sent.tool_calls or (), sent.output or ()),
            _json(attributes).decode() if attributes else "{}",
        )
        packed = _pack(text)
        tools = ",".join(sorted(sent.tools_offered)) if sent.tools_offered else None
        if self._suspects(sent, identifiers, packed, tools):
            identifiers, text = self._redacted(sent, identifiers, text, attributes)
            packed = _pack(text)
            tools = self.redactor.text(tools) if tools else None
        return self._record(sent, content, identifiers, text, packed, address, tools)

    def _record(
        self,
        sent: SentEvent,
        content: bytes,
        identifiers: Identifiers,
        text: EventText,
        packed: bytes,
        address: str | None,
        tools: str | None,
    ) -> EventRecord:
        org, end_user, api_key, session, agent, tls, device, operation, provider, model, finish, error = identifiers
        prompt = text.prompt
        # By position, in the order of the record's fields: naming 32 of them takes four times as long.
        return EventRecord(
            text.event_id,
            (sent.time - _EPOCH) // _MICROSECOND,
            sent.account_id,
            org,
            end_user,
            api_key,
            session,
            address,
            sent.ip_source,
            sent.asn,
            sent.country,
            agent,
            tls,
            device,
            operation,
            provider,
            model,
            tools,
            len(text.tool_calls),
            sent.input_tokens,
            sent.output_tokens,
            finish,
            error,
            sent.duration_ms,
            sent.refused,
            sent.blocked,
            _json(sent.moderation).decode() if sent.moderation else None,
            len(prompt),
            self._keyed_hash("prompt", prompt) if prompt else None,
            dominant_script(prompt),
            content,
            packed,
        )

    def _suspects(self, sent: SentEvent, identifiers: Identifiers, packed: bytes, tools: str | None) -> bool:
        """One scan over everything of an event that will be stored, its texts as they are packed.

        A byte that says how long a text is may look like a letter before it. The scan leaves out what must not stand
        before a secret, so that this hides none.
        """
        beside = "\n".join([sent.account_id, tools or "", *filter(None, identifiers)])
        return bool(self.redactor.suspects(b"\n".join([packed, beside.encode()])))

    def _redacted(
        self, sent: SentEvent, identifiers: Identifiers, text: EventText, attributes: dict[str, Any]
    ) -> tuple[Identifiers, EventText]:
        redactor = self.redactor
        if redactor.identifier(sent.account_id) != sent.account_id:
            raise InvalidInput("account_id holds a secret", remedy="send an id or a hash of the key instead")
        clean = tuple(
            value and (redactor.text(value) if name == "user_agent" else redactor.identifier(value))
            for name, value in zip(_LENGTHS, identifiers, strict=True)
        )
        return clean, msgspec.structs.replace(
            text,
            event_id=redactor.identifier(text.event_id),
            input=self._redacted_turns(text.input),
            output=self._redacted_turns(text.output),
            tool_calls=tuple(ToolCall(redactor.text(c.name), redactor.text(c.arguments)) for c in text.tool_calls),
            attributes=_json(redactor.tree(attributes)).decode() if attributes else "{}",
        )

    def _redacted_turns(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        return tuple(Message(message.role, self.redactor.text(message.content)) for message in messages)


def _identifiers(sent: SentEvent) -> Identifiers:
    """The values of the fields in _LENGTHS, in that order; an empty string says nothing and would link strangers."""
    return (
        sent.org_id or None,
        sent.end_user_id or None,
        sent.api_key_id or None,
        sent.session_id or None,
        sent.user_agent or None,
        sent.tls_fingerprint or None,
        sent.device_id or None,
        sent.operation or None,
        sent.provider or None,
        sent.model or None,
        sent.finish_reason or None,
        sent.error_type or None,
    )


def _fitted(identifiers: Identifiers) -> tuple[Identifiers, dict[str, Any]]:
    """Values cut to their longest length with NUL made visible, and the whole ones of those that were changed."""
    joined = "".join(filter(None, identifiers))
    if len(joined) <= _SHORT and "\0" not in joined:
        return identifiers, {}
    extra: dict[str, Any] = {}
    fitted: list[str | None] = []
    for (name, longest), value in zip(_LENGTHS.items(), identifiers, strict=True):
        stored = value[:longest].replace("\0", _NUL_SHOWN) if value else value
        if stored != value:
            extra[name] = value
        fitted.append(stored)
    return tuple(fitted), extra
