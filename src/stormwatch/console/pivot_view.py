"""Turns an identifier into who shares it: frequency by place, accounts, requests, lists and indicators that know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.console.lake_query import SIGHTING_TABLES, lake_query
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.console.shared_lists import lists_of, shared_lists
from stormwatch.intel.indicators import load_indicators
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import ObservableKind
from stormwatch.runtime import Runtime

KINDS: Final = (
    "address",
    "device",
    "domain",
    "payment",
    "email-hash",
    "phone-hash",
    "tls-fingerprint",
    "user-agent",
    "organisation",
    "api-key",
    "end-user",
    "session",
    "asn",
    "programme",
    "prompt",
    "rule",
    "technique",
    "indicator",
    "url",
    "email-addr",
    "file-sha256",
    "file-sha1",
    "file-md5",
    "wallet",
    "package",
    "software",
)
# Names from STIX and from links between accounts, and the kind under which the console keeps the same thing.
_SAME: Final = {
    "ipv4-addr": "address",
    "ipv6-addr": "address",
    "ip": "address",
    "source_ip": "address",
    "signup_ip": "address",
    "domain-name": "domain",
    "email_domain": "domain",
    "device_id": "device",
    "payment_fingerprint": "payment",
    "email_hash": "email-hash",
    "phone_hash": "phone-hash",
    "tls_fingerprint": "tls-fingerprint",
    "user_agent": "user-agent",
    "org_id": "organisation",
    "api_key_id": "api-key",
    "end_user_id": "end-user",
    "prompt_hash": "prompt",
    "phone": "phone-hash",
    "mailbox": "email-hash",
    "mail-domain": "domain",
}
# Kinds of link whose value is two words: an artefact's kind and value, a client's TLS fingerprint and user agent.
_COMPOSED: Final = frozenset({"artefact", "client"})
_TABLES: Final = (*SIGHTING_TABLES, "assessments")
_EVENTS_SHOWN: Final = 25
_FIRST: Final = 2**62


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often an identifier was seen in one place."""

    kind: str
    field: str
    times: int
    accounts: int
    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class SharingAccount:
    """An account that shows the identifier; `risk` is None for one that no hunt assessed."""

    account_id: str
    times: int
    events: int
    first_us: int | None
    last_us: int | None
    fields: str
    risk: float | None
    calibrated_on: str | None


@dataclass(frozen=True, slots=True)
class SharingEvent:
    """A request that shows the identifier."""

    time_us: int
    event_id: str
    account_id: str
    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class PivotView:
    """Everything the pivot page shows of one identifier."""

    kind: str
    value: str
    frequencies: tuple[Frequency, ...]
    accounts: Page[SharingAccount]
    events: tuple[SharingEvent, ...]
    lists: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    is_account: bool


def kind_of(name: str) -> str:
    """The console's kind for a name of an identifier kind from anywhere; empty for one it does not know."""
    kind = _SAME.get(name, name)
    return kind if kind in KINDS else ""


def pivot_of_link(identifier_kind: str, value: str) -> tuple[str, str]:
    """Kind and value under which the pivot finds what a link says two accounts share."""
    if identifier_kind in _COMPOSED:
        kind, _, rest = value.partition(" ")
        return (kind_of(kind), rest) if identifier_kind == "artefact" else ("tls-fingerprint", kind)
    return kind_of(identifier_kind), value


def pivot_view(runtime: Runtime, kind: str, value: str, after: str = "") -> PivotView:
    """Who shares an identifier; an empty kind looks under every kind. InvalidInput for a cursor that is none."""
    times, after_id = decode_cursor(after, (0, "")) if after else (_FIRST, "")
    with lake_query(runtime, _TABLES) as query:
        counted = query.sighting_rows("pivot_frequency", kind=kind, value=value)
        accounts = query.sighting_rows(
            "pivot_accounts", kind=kind, value=value, before_times=times, after_id=after_id, rows=PAGE_ROWS + 1
        )
        events = query.sighting_rows("pivot_events", kind=kind, value=value, rows=_EVENTS_SHOWN)
        activity = query.rows("account_activity", account=value)[0]
    frequencies = tuple(Frequency(**row) for row in counted)
    shared = shared_lists(runtime.database)
    lists = sorted({name for seen in _kinds(kind, frequencies) for name in lists_of(shared, seen, value)})
    return PivotView(
        kind=kind,
        value=value,
        frequencies=frequencies,
        accounts=cut([SharingAccount(**row) for row in accounts], lambda row: (row.times, row.account_id)),
        events=tuple(SharingEvent(**row) for row in events),
        lists=tuple(lists),
        indicators=_indicators(runtime, kind, value),
        is_account=kind == "" and activity["events"] > 0,
    )


def _kinds(kind: str, frequencies: tuple[Frequency, ...]) -> set[str]:
    return {kind} if kind else {frequency.kind for frequency in frequencies} | _looks_like(frequencies)


def _looks_like(frequencies: tuple[Frequency, ...]) -> set[str]:
    # What was never seen can still be on a list, so that both readings are tried.
    return set() if frequencies else {"address", "domain"}


def _indicators(runtime: Runtime, kind: str, value: str) -> tuple[Indicator, ...]:
    wanted = value.lower()
    return tuple(
        indicator
        for indicator in load_indicators(runtime.database)
        if (kind == "indicator" and indicator.indicator_id == value)
        or (indicator.observable.value == wanted and kind in ("", _kind_of_observable(indicator.observable.kind)))
    )


def _kind_of_observable(kind: ObservableKind) -> str:
    return _SAME.get(kind.value, kind.value)
