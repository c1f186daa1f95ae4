"""A small watch floor for tests of the review: an installation with people, and lake tables as a hunt leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest

from stormwatch.cases.evidence_file import EvidenceFile, build_evidence_file
from stormwatch.cases.opening import open_cases
from stormwatch.cases.queue import get_case, list_cases
from stormwatch.cases.review import answer_alternative, claim
from stormwatch.model.case import Case
from stormwatch.model.event import EventText, Message
from stormwatch.model.principal import Principal, Role
from stormwatch.runtime import Runtime
from stormwatch.storage.lake import LakeChange
from stormwatch.storage.schemas import TABLES
from stormwatch.storage.texts import ROWS_PER_CHUNK, seal

MOMENT = 1_700_000_000_000_000
SECRET = "draft a mail to the regional expert"


@dataclass
class Floor:
    """An installation with four people; what is written replaces what the last hunt left."""

    runtime: Runtime
    people: Mapping[str, Principal]
    tokens: Mapping[str, str]
    evidence: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    subjects: dict[str, dict[str, Any]] = field(default_factory=dict)
    lineage: dict[str, tuple[list[str], str | None]] = field(default_factory=dict)

    @property
    def analyst(self) -> Principal:
        return self.people["ada"]

    @property
    def approver(self) -> Principal:
        return self.people["bea"]

    def suspect(self, subject_id: str, account_ids: Sequence[str], *, risk: float = 0.9, **more: Any) -> None:
        """An assessed subject; accounts without evidence get one piece each."""
        for account_id in account_ids:
            if account_id not in self.evidence:
                self.add_evidence(account_id)
        self.subjects[subject_id] = {"account_ids": list(account_ids), "risk": risk, **more}
        if subject_id not in account_ids and subject_id not in self.lineage:
            self.lineage[subject_id] = ([], None)

    def add_evidence(self, account_id: str, kind: str = "machine-tempo", bits: float = 4.0, **more: Any) -> None:
        self.evidence.setdefault(account_id, []).append(
            {
                "account_id": account_id,
                "kind": kind,
                "group": more.pop("group", "tempo"),
                "weight_bits": bits,
                "summary": "requests at even gaps of two seconds",
                "innocent_explanation": "a scheduled job of an ordinary customer",
                "innocent_frequency": 0.031,
                "event_time_us": MOMENT,
                "actors": [],
                "event_ids": [f"{account_id}-e0"],
                **more,
            }
        )

    def write(self) -> None:
        """Puts everything into the lake, as the end of a hunt would."""
        self._put("account_evidence", [piece for pieces in self.evidence.values() for piece in pieces])
        self._put("assessments", [self._assessment(*item) for item in self.subjects.items()])
        self._put("clusters", [self._cluster(*item) for item in self.lineage.items()])
        pairs = [tuple(s["account_ids"][:2]) for s in self.subjects.values() if len(s["account_ids"]) > 1]
        self._put("links", [_link(*pair) for pair in pairs])

    def hunt(self, now_us: int = MOMENT, threshold: float = 0.5) -> int:
        """Writes the tables and opens cases over them."""
        self.write()
        return open_cases(self.runtime.database, self.runtime.ledger, self.runtime.lake, threshold, now_us)

    def write_traffic(self, requests: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]] = ()) -> None:
        """Events with their sealed texts, and account records. A request needs event_id and account_id."""
        rows, texts = [], []
        for number, request in enumerate(requests):
            said = request.get("text", SECRET)
            texts.append(EventText(request["event_id"], (Message("user", said),)))
            facts = {name: value for name, value in request.items() if name != "text"}
            rows.append(
                {
                    "collector": "test",
                    "time_us": MOMENT + number,
                    "prompt_chars": len(said),
                    "script": "Latn",
                    "segment": "s1",
                    "text_chunk": number // ROWS_PER_CHUNK,
                    "text_row": number % ROWS_PER_CHUNK,
                    **facts,
                }
            )
        lake = self.runtime.lake
        sealed = lake.write("texts", seal(self.runtime.keyring, "s1", texts), segment="s1")
        written = lake.write("events", _table("events", rows), segment="s1")
        lake.commit(LakeChange(replace={"texts": (sealed,), "events": (written,)}))
        self._put("account_records", records)

    def case(self) -> Case:
        """The case with the highest risk."""
        return list_cases(self.runtime.database)[0]

    def reviewed_case(self) -> Case:
        """The same, claimed and with every alternative answered: ready for a proposal."""
        case_id = self.case().case_id
        claim(self.runtime.database, self.runtime.ledger, self.analyst, case_id)
        self.answer_all(case_id)
        return get_case(self.runtime.database, case_id)

    def answer_all(self, case_id: str) -> None:
        for alternative in self.file(case_id).unanswered:
            answer_alternative(
                self.runtime.database,
                self.runtime.ledger,
                self.runtime.lake,
                self.analyst,
                case_id,
                alternative.alternative_id,
                "the accounts share a device that no scheduled job explains",
            )

    def file(self, case_id: str) -> EvidenceFile:
        return build_evidence_file(self.runtime.lake, self.runtime.database, get_case(self.runtime.database, case_id))

    def with_role(self, name: str, role: Role) -> Principal:
        """Changes somebody's role and gives the principal of a session opened afterwards."""
        person = self.runtime.access.change_role(self.people["administrator"], name, role)
        return replace(self.people[name], person=person)

    def _put(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.runtime.lake.replace(table, _table(table, rows))

    def _assessment(self, subject_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        risk = facts["risk"]
        victim = facts.get("compromised", 0.0)
        odds = [("unknown-actor", risk - victim), ("compromised-account", victim), ("benign", 1 - risk)]
        return {
            "subject_id": subject_id,
            "account_ids": facts["account_ids"],
            "hypotheses": [{"hypothesis": h, "kind": "residual", "probability": p} for h, p in odds],
            "risk": risk,
            "likelihood": "very likely",
            "confidence": "moderate",
            "calibrated_on": "simulated worlds",
            "flagged_us": MOMENT,
            "evidence": facts.get("evidence", []),
            "basis": "{}",
        }

    def _cluster(self, cluster_id: str, lineage: tuple[list[str], str | None]) -> dict[str, Any]:
        accounts = self.subjects.get(cluster_id, {}).get("account_ids", [])
        return {
            "cluster_id": cluster_id,
            "previous_ids": lineage[0],
            "merged_into": lineage[1],
            "account_ids": accounts,
            "first_event_us": MOMENT,
            "last_event_us": MOMENT,
        }


def _link(first: str, second: str) -> dict[str, Any]:
    part = {
        "identifier_kind": "device_id",
        "shared_values": ["d-1"],
        "weight_bits": 8.0,
        "innocent_explanation": "a device used by two members of a household",
    }
    return {
        "account_id_a": min(first, second),
        "account_id_b": max(first, second),
        "match_weight": 8.0,
        "probability": 0.99,
        "evidence": [part],
    }


def _table(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = TABLES[table]
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


@pytest.fixture
def floor(runtime: Runtime) -> Floor:
    """An empty floor with an administrator, two analysts (ada, ann) and an approver (bea)."""
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    people, tokens = {"administrator": administrator}, {"administrator": first[1]}
    for name, role in (("ada", Role.ANALYST), ("ann", Role.ANALYST), ("bea", Role.APPROVER)):
        _, tokens[name] = runtime.access.add_person(administrator, name, role)
        people[name] = runtime.access.authenticate(tokens[name])
    return Floor(runtime, people, tokens)
