"""What partners tell us: leads, indicators, actors and how far each may be believed and passed on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stormwatch.model.observable import Observable, ObservableKind


class TLP(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST, 2022): who may be told."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


class PAP(StrEnum):
    """Permissible Actions Protocol: what may be done with it that the adversary could notice."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class SourceKind(StrEnum):
    """What sort of party a lead came from; reports count leads by this."""

    PEER_PROVIDER = "peer-provider"
    SECURITY_VENDOR = "security-vendor"
    RESEARCHER = "researcher"
    VICTIM = "victim"
    GOVERNMENT = "government"
    PUBLIC_REPORT = "public-report"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class AdmiraltyGrade:
    """Reliability of the source (A best to F unknown) and credibility of the item (1 best to 6 unknown)."""

    reliability: str
    credibility: int

    def __post_init__(self) -> None:
        if self.reliability not in "ABCDEF" or len(self.reliability) != 1 or not 1 <= self.credibility <= 6:
            raise ValueError(f"not an Admiralty grade: {self.reliability}{self.credibility}; write A1 to F6")

    @classmethod
    def parse(cls, text: str) -> AdmiraltyGrade:
        """Reads `B2`; ValueError when it is no grade."""
        cleaned = text.strip().upper()
        if len(cleaned) != 2 or not cleaned[1].isdigit():
            raise ValueError(f"not an Admiralty grade: {text!r}; write A1 to F6")
        return cls(cleaned[0], int(cleaned[1]))

    def __str__(self) -> str:
        return f"{self.reliability}{self.credibility}"


@dataclass(frozen=True, slots=True)
class Indicator:
    """An observable that somebody says belongs to hostile activity, with the time it was valid for.

    `confidence` is 0 to 100 as in STIX, None when the source gave none; `actors` are names as the source wrote them.
    `pap` and `grade` are None where the source states none.
    """

    indicator_id: str
    observable: Observable
    valid_from_us: int
    valid_until_us: int | None = None
    confidence: int | None = None
    actors: tuple[str, ...] = ()
    source: str = ""
    tlp: TLP = TLP.AMBER
    lead_id: str | None = None
    pap: PAP | None = None
    grade: AdmiraltyGrade | None = None

    def valid_at(self, time_us: int) -> bool:
        """Whether the source claims it for that moment."""
        return self.valid_from_us <= time_us and (self.valid_until_us is None or time_us < self.valid_until_us)


class LeadState(StrEnum):
    """Where a lead stands: `proposed` waits for a person's acceptance, `open` is accepted and not searched for yet."""

    PROPOSED = "proposed"
    OPEN = "open"
    SEARCHED = "searched"
    ANSWERED = "answered"
    EXPIRED = "expired"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Lead:
    """A tip from outside: who told us, how good it is, what we may do with it, and what it names.

    `names_people` and `legal_basis` are about leads that can single out a person; `added_by` and `decided_by` are
    person_ids or `system`, the latter of whoever accepted, refused or withdrew it.
    """

    lead_id: str
    title: str
    source: str
    source_kind: SourceKind
    grade: AdmiraltyGrade
    tlp: TLP
    pap: PAP
    received_us: int
    state: LeadState = LeadState.OPEN
    expires_us: int | None = None
    permitted_use: str = ""
    actor: str | None = None
    observables: tuple[Observable, ...] = ()
    note: str = ""
    names_people: bool = False
    legal_basis: str = ""
    added_by: str = "system"
    decided_by: str | None = None
    decided_us: int | None = None
    decision_note: str = ""

    @property
    def about_people(self) -> bool:
        """Whether it can single out a person: it says so, or names an e-mail address."""
        return self.names_people or any(one.kind is ObservableKind.EMAIL for one in self.observables)
