"""Turns what the lake holds on one account into what its page shows, also why it is not (or is) a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.cases.account_facts import AccountFacts, account_facts
from stormwatch.cases.findings import Finding, about_together, account_evidence, finding, links_among
from stormwatch.cases.queue import cases_of_account
from stormwatch.console.lake_query import SIGHTING_TABLES, LakeQuery, lake_query
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.console.shared_lists import lists_of, shared_lists
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.model.case import Case
from stormwatch.model.evidence import Evidence, Link
from stormwatch.runtime import Runtime

_TABLES: Final = (*SIGHTING_TABLES, "links", "assessments")
_IDENTIFIERS_PER_KIND: Final = 8
_LATEST_US: Final = 2**62


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something that the account shows, how many accounts show it, and the lists that know it as shared by many."""

    kind: str
    value: str
    times: int
    first_us: int | None
    last_us: int | None
    accounts: int
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule or indicator that fired on the account, and how often."""

    rule_id: str
    kind: str
    techniques: tuple[str, ...]
    shadow: bool
    times: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class WeighedEvidence:
    """A piece of evidence, and whether it counted; `stronger` names the kind that counted in its place."""

    piece: Evidence
    counted: bool
    stronger: str | None = None


@dataclass(frozen=True, slots=True)
class WeighedLink:
    """A link to another account, and whether it holds the two together in one assessment."""

    link: Link
    other: str
    joined: bool


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """A request as it may be seen without opening its text."""

    event_id: str
    time_us: int
    source_ip: str | None
    model: str | None
    prompt_chars: int | None
    refused: bool | None
    blocked: bool | None
    conflicting: bool | None

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        said = (("blocked", self.blocked), ("refused", self.refused), ("id used twice", self.conflicting))
        return ", ".join(words for words, is_so in said if is_so) or "answered"


@dataclass(frozen=True, slots=True)
class AccountView:
    """Everything the account page shows. `finding` is None for an account that no hunt assessed.

    `together` is the evidence on the accounts of its assessment as a group.
    """

    facts: AccountFacts
    sessions: int
    identifiers: tuple[Identifier, ...]
    fired: tuple[FiredRule, ...]
    evidence: tuple[WeighedEvidence, ...]
    links: tuple[WeighedLink, ...]
    finding: Finding | None
    together: tuple[Evidence, ...]
    threshold: float
    link_probability: float
    frequency_cap: int
    cases: tuple[Case, ...]

    @property
    def known(self) -> bool:
        """Whether the lake holds anything on the account at all."""
        return bool(self.facts.events or self.facts.created_us or self.identifiers or self.evidence or self.finding)

    @property
    def above(self) -> bool:
        """Whether its assessment reaches the case threshold."""
        return self.finding is not None and self.finding.risk >= self.threshold

    @property
    def discounted(self) -> tuple[Identifier, ...]:
        """Identifiers that a list of shared infrastructure knows."""
        return tuple(identifier for identifier in self.identifiers if identifier.lists)

    @property
    def common(self) -> tuple[Identifier, ...]:
        """Identifiers that so many accounts show that linking leaves them out."""
        return tuple(identifier for identifier in self.identifiers if identifier.accounts > self.frequency_cap)

    @property
    def weak_links(self) -> tuple[WeighedLink, ...]:
        """Links that were not firm enough to join the two accounts."""
        return tuple(link for link in self.links if not link.joined)

    @property
    def alone(self) -> bool:
        """Whether the account is assessed by itself."""
        return self.finding is None or len(self.finding.account_ids) < 2


def account_view(runtime: Runtime, account_id: str) -> AccountView:
    """The view of one account; one that the lake does not know gives a view that says so."""
    shared = shared_lists(runtime.database)
    with lake_query(runtime, _TABLES) as query:
        activity = query.rows("account_activity", account=account_id)[0]
        identifiers = _identifiers(query, account_id, shared)
        fired = tuple(_fired(row) for row in query.rows("account_detections", account=account_id))
        assessed = _finding(runtime, query, account_id)
        partners = _partners(query, account_id)
    links = links_among(runtime.lake, [account_id, *partners]) if partners else ()
    comparisons = load_comparisons()
    return AccountView(
        facts=account_facts(runtime.lake, [account_id])[0],
        sessions=activity["sessions"],
        identifiers=identifiers,
        fired=fired,
        evidence=weigh_evidence(account_evidence(runtime.lake, [account_id]), assessed),
        links=weigh_links(account_id, links, assessed),
        finding=assessed,
        together=_together(runtime, assessed),
        threshold=runtime.settings.case_threshold,
        link_probability=comparisons.link_probability,
        frequency_cap=comparisons.widest_block,
        cases=cases_of_account(runtime.database, account_id),
    )


def account_requests(runtime: Runtime, account_id: str, after: str = "") -> Page[AccountRequest]:
    """A page of the account's requests, the latest first; InvalidInput for a cursor that is none."""
    before_us, after_id = decode_cursor(after, (0, "")) if after else (_LATEST_US, "")
    with lake_query(runtime, ("events",)) as query:
        rows = query.rows(
            "account_events", account=account_id, before_us=before_us, after_id=after_id, rows=PAGE_ROWS + 1
        )
    return cut([AccountRequest(**row) for row in rows], lambda row: (row.time_us, row.event_id))


def weigh_evidence(pieces: Sequence[Evidence], assessed: Finding | None) -> tuple[WeighedEvidence, ...]:
    """Which pieces counted in the assessment: within a group of dependent pieces only the strongest does."""
    counted = {_identity(piece) for piece in assessed.evidence} if assessed else set()
    strongest: dict[str, Evidence] = {}
    for piece in pieces:
        known = strongest.get(piece.group)
        if known is None or abs(piece.weight_bits) > abs(known.weight_bits):
            strongest[piece.group] = piece
    weighed = []
    for piece in pieces:
        named = _identity(piece) in counted
        best = strongest[piece.group]
        weighed.append(WeighedEvidence(piece, named, None if named or best is piece else best.kind))
    return tuple(weighed)


def weigh_links(account_id: str, links: Sequence[Link], assessed: Finding | None) -> tuple[WeighedLink, ...]:
    """The links that touch the account, and whether the other end is judged together with it."""
    together = set(assessed.account_ids) if assessed else set()
    ends = [(link, _other_end(link, account_id)) for link in links]
    return tuple(WeighedLink(link, other, other in together) for link, other in ends if other is not None)


def _together(runtime: Runtime, assessed: Finding | None) -> tuple[Evidence, ...]:
    """The pieces that counted on the accounts as a group, which are on no account alone."""
    if assessed is None or len(assessed.account_ids) < 2:
        return ()
    return about_together(assessed, account_evidence(runtime.lake, assessed.account_ids))


def _identity(piece: Evidence) -> tuple[str, str, str]:
    return piece.kind, piece.group, piece.summary


def _other_end(link: Link, account_id: str) -> str | None:
    ends = {link.account_id_a: link.account_id_b, link.account_id_b: link.account_id_a}
    return ends.get(account_id)


def _partners(query: LakeQuery, account_id: str) -> list[str]:
    rows = query.rows("account_links", account=account_id)
    return sorted({row[end] for row in rows for end in ("account_id_a", "account_id_b")} - {account_id})


def _finding(runtime: Runtime, query: LakeQuery, account_id: str) -> Finding | None:
    rows = query.rows("account_assessment", account=account_id)
    return finding(runtime.lake, rows[0]["subject_id"]) if rows else None


def _identifiers(query: LakeQuery, account_id: str, shared: SharedInfrastructure) -> tuple[Identifier, ...]:
    rows = query.sighting_rows("account_identifiers", account=account_id, most=_IDENTIFIERS_PER_KIND)
    values = sorted({row["value"] for row in rows})
    counted = query.sighting_rows("identifier_frequency", values=values) if values else []
    accounts = {(row["kind"], row["value"]): row["accounts"] for row in counted}
    return tuple(
        Identifier(
            **row, accounts=accounts[row["kind"], row["value"]], lists=lists_of(shared, row["kind"], row["value"])
        )
        for row in rows
    )


def _fired(row: Mapping[str, Any]) -> FiredRule:
    return FiredRule(
        row["rule_id"],
        row["kind"],
        tuple(row["techniques"] or ()),
        row["shadow"],
        row["times"],
        row["first_us"],
        row["last_us"],
    )
