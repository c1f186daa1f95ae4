"""The requests of a case's accounts: where their texts lie, and what may be seen without opening them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.cases.findings import rows_where
from stormwatch.storage.lake import Lake

_COLUMNS: Final = (
    "event_id",
    "account_id",
    "time_us",
    "model",
    "prompt_chars",
    "script",
    "tool_calls",
    "refused",
    "blocked",
)
_PLACE: Final = ("collector", "event_id", "account_id", "time_us", "segment", "text_chunk", "text_row")


@dataclass(frozen=True, slots=True)
class RedactedRequest:
    """What is seen of a request without opening its text: counts, lengths, the writing system, the rules hit."""

    event_id: str
    account_id: str
    time_us: int
    model: str | None
    prompt_chars: int
    script: str | None
    tool_calls: int
    refused: bool | None
    blocked: bool | None
    rules: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    cited: bool = False


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where the text of one request lies."""

    collector: str
    event_id: str
    account_id: str
    time_us: int
    segment: str
    chunk: int
    row: int


def redacted_requests(
    lake: Lake, account_ids: Collection[str], *, cited: Collection[str] = (), limit: int = 50
) -> tuple[RedactedRequest, ...]:
    """The requests most worth reading first: those that evidence cites, then those that rules hit, then the newest.

    `cited` are event ids that the evidence names. Nothing of what was said is read.
    """
    named = set(cited)
    hits = _hits(lake, account_ids)
    rows = list(rows_where(lake, "events", "account_id", account_ids, _COLUMNS))
    rows.sort(
        key=lambda row: (
            row["event_id"] not in named,
            (row["account_id"], row["event_id"]) not in hits,
            -row["time_us"],
            row["event_id"],
        )
    )
    return tuple(_redacted(row, hits, named) for row in rows[:limit])


def text_places(lake: Lake, account_ids: Collection[str], event_ids: Collection[str]) -> tuple[TextPlace, ...]:
    """Where the texts of these requests lie, in order of time.

    Ids come from outside and two collectors may use the same one, so a request counts by its account too: one of
    another account with the same id is not among them.
    """
    wanted = set(account_ids)
    rows = [row for row in rows_where(lake, "events", "event_id", event_ids, _PLACE) if row["account_id"] in wanted]
    rows.sort(key=lambda row: (row["time_us"], row["event_id"], row["collector"]))
    return tuple(TextPlace(**{_FIELD.get(name, name): row[name] for name in _PLACE}) for row in rows)


_FIELD: Final = {"text_chunk": "chunk", "text_row": "row"}


def _hits(lake: Lake, account_ids: Collection[str]) -> Mapping[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    columns = ["event_id", "account_id", "rule_id", "techniques", "shadow"]
    for row in rows_where(lake, "detections", "account_id", account_ids, columns):
        if row["event_id"] and not row["shadow"]:
            found.setdefault((row["account_id"], row["event_id"]), []).append(row)
    return found


def _redacted(
    row: Mapping[str, Any],
    hits: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]],
    named: Collection[str],
) -> RedactedRequest:
    fired = hits.get((row["account_id"], row["event_id"]), ())
    facts = {name: row[name] for name in _COLUMNS} | {
        "prompt_chars": row["prompt_chars"] or 0,
        "tool_calls": row["tool_calls"] or 0,
    }
    return RedactedRequest(
        **facts,
        rules=tuple(sorted({hit["rule_id"] for hit in fired})),
        techniques=tuple(sorted({technique for hit in fired for technique in hit["techniques"] or ()})),
        cited=row["event_id"] in named,
    )
