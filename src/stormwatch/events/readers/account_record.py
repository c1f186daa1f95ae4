"""AccountRecord, version 1: one JSON object to an update of the account; unknown fields go to its attributes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from stormwatch.events.addresses import canonical_address
from stormwatch.events.readers.decoding import convert, decode_object
from stormwatch.events.records import AccountUpdate
from stormwatch.events.redaction import Redactor
from stormwatch.events.sent import SentAccount
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import to_us
from stormwatch.storage.schemas import ACCOUNT_RECORDS

FIELDS: Final = frozenset(SentAccount.__struct_fields__)
# Accounts can be older than language models; nobody had one before the public web.
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)

_NAMES: Final = tuple(ACCOUNT_RECORDS.names)
_json = msgspec.json.Encoder(order="deterministic").encode


def read_account_record(data: bytes, redactor: Redactor) -> AccountUpdate:
    """The update in one record, its secrets redacted; InvalidInput says what does not fit."""
    value = decode_object(data)
    known = {name: item for name, item in value.items() if name in FIELDS}
    unknown = {name: item for name, item in value.items() if name not in FIELDS}
    sent = convert(known, SentAccount)
    said = {name: getattr(sent, name) for name in FIELDS if getattr(sent, name) is not UNSET}
    return _update(said, unknown, redactor)


def _update(said: dict[str, Any], unknown: dict[str, Any], redactor: Redactor) -> AccountUpdate:
    if "\0" in said["account_id"]:
        raise InvalidInput("account_id holds a NUL character")
    if redactor.identifier(said["account_id"]) != said["account_id"]:
        raise InvalidInput("account_id holds a secret", remedy="send an id or a hash of the key instead")
    columns = {name: _clean(item, redactor) for name, item in said.items()}
    if "created_time" in columns:
        columns["created_us"] = _created(columns.pop("created_time"))
    if columns.get("signup_ip"):
        columns["signup_ip"] = canonical_address(said["signup_ip"])
        if columns["signup_ip"] is None:
            unknown["signup_ip"] = said["signup_ip"]
    if columns.get("email_domain"):
        # Some senders put the whole address here; only its domain may be kept.
        columns["email_domain"] = columns["email_domain"].rpartition("@")[2].strip().rstrip(".").lower() or None
    attributes = {**(said.get("attributes") or {}), **unknown}
    if attributes:
        columns["attributes"] = _json(redactor.tree(attributes)).decode()
    return AccountUpdate(tuple(columns.get(name) for name in _NAMES), frozenset(columns))


def _clean(item: Any, redactor: Redactor) -> Any:
    if not isinstance(item, str):
        return item
    return redactor.identifier(item.replace("\0", "\ufffd")) or None


def _created(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if not EARLIEST <= moment < LATEST:
        raise InvalidInput(f"created_time lies outside {EARLIEST.year} to {LATEST.year - 1}")
    return to_us(moment)
