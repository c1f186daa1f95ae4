"""What leaves for others: who may send it, on which ground, and its record on the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from stormwatch.access.acting import acting_person
from stormwatch.access.permission import require
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict
from stormwatch.model.principal import Principal, Role
from stormwatch.sharing.bundle import BundleTerms, SharedBundle, case_bundle
from stormwatch.sharing.material import CaseMaterial
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions

SHARERS = (Role.ANALYST, Role.APPROVER)


@dataclass(frozen=True, slots=True)
class Shared:
    """A bundle as it left: its text, and the digest that the ledger holds."""

    shared: SharedBundle
    text: bytes
    digest: str


def share_case(database: Database, ledger: Ledger, by: Principal, material: CaseMaterial, terms: BundleTerms) -> Shared:
    """The bundle of a case, recorded as a share.

    Raises Forbidden without the role, Conflict while nobody has approved an action on the case: an accusation leaves
    only after two people stood behind it.
    """
    require(by, *SHARERS)
    made = case_bundle(material, terms)
    text = msgspec.json.format(msgspec.json.encode(made.bundle), indent=1) + b"\n"
    digest = hashlib.sha256(text).hexdigest()
    with database.write() as connection:
        person = acting_person(connection, by, *SHARERS)
        require_approved(connection, material.case.case_id)
        body: dict[str, str | int] = {
            "audience": terms.pseudonyms.audience,
            "tlp": terms.tlp.value,
            "bundle": made.bundle["id"],
            "sha256": digest,
            "objects": len(made.bundle["objects"]),
            "withheld": made.withheld.total(),
        }
        ledger.append(connection, "case.shared", person.person_id, material.case.case_id, body)
    return Shared(made, text, digest)


def approved_accounts(connection: Connection, case_id: str) -> frozenset[str]:
    """Accounts of a case on which an approved action stands that nobody has reversed."""
    rows = connection.execute(
        select(actions.c.account_id).where(actions.c.case_id == case_id, actions.c.reversed_us.is_(None)).distinct()
    )
    return frozenset(row.account_id for row in rows)


def approved_cases(connection: Connection, account_ids: Collection[str]) -> tuple[str, ...]:
    """Cases that hold approved, unreversed actions on any of these accounts."""
    query = select(actions.c.case_id, actions.c.account_id).where(actions.c.reversed_us.is_(None)).distinct()
    wanted = set(account_ids)
    return tuple(sorted({row.case_id for row in connection.execute(query) if row.account_id in wanted}))


def require_approved(connection: Connection, case_id: str) -> frozenset[str]:
    """The accounts that `approved_accounts` gives; Conflict when there are none."""
    found = approved_accounts(connection, case_id)
    if not found:
        raise Conflict(
            "nothing may leave about a case on which two people have not decided",
            where=case_id,
            remedy="propose an action and have another person approve it",
        )
    return found
