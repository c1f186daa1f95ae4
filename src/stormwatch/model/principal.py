"""People and tokens: who acts, in which role, with which scopes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person is for. An administrator neither proposes nor approves."""

    ADMINISTRATOR = "administrator"
    ANALYST = "analyst"
    APPROVER = "approver"
    DETECTION_ENGINEER = "detection-engineer"
    REPORTER = "reporter"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a token opens. `person` acts as its holder, within that person's role; the others are for machines."""

    PERSON = "person"
    INGEST = "ingest"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of this installation; `person_id` is the pseudonym that exports and the ledger carry."""

    person_id: str
    name: str
    role: Role
    active: bool = True


@dataclass(frozen=True, slots=True)
class Principal:
    """Who stands behind a request: a person or a machine token, with the scopes of the token used.

    `token_id` names the token, or the session of the console. `owes_factor` says that the person has a second factor
    and has not given its code of late: weighty deeds ask for it first.
    """

    person: Person | None
    token_id: str
    scopes: frozenset[Scope]
    label: str
    owes_factor: bool = False
