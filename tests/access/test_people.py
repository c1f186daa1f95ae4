"""Access promises: one role each, always an administrator, every change on the ledger, old principals useless."""

from __future__ import annotations

import pytest

from stormwatch.access.people import Access
from stormwatch.access.permission import require
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role, Scope
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring


@pytest.fixture
def ledger(either_database: Database) -> Ledger:
    return Ledger(either_database, Keyring(b"k" * 32))


@pytest.fixture
def access(either_database: Database, ledger: Ledger) -> Access:
    return Access(either_database, ledger)


@pytest.fixture
def administrator(access: Access) -> Principal:
    first = access.first_administrator()
    assert first is not None
    return access.authenticate(first[1])


def _add(access: Access, administrator: Principal, name: str, role: Role) -> Principal:
    return access.authenticate(access.add_person(administrator, name, role)[1])


def _kinds(ledger: Ledger) -> list[str]:
    return [entry.kind for entry in ledger.entries()]


def test_there_is_one_first_administrator(access: Access) -> None:
    first = access.first_administrator()
    assert first is not None
    assert first[0].role is Role.ADMINISTRATOR
    assert access.first_administrator() is None
    assert access.people() == (first[0],)


def test_every_change_of_people_is_on_the_ledger(access: Access, ledger: Ledger, administrator: Principal) -> None:
    _add(access, administrator, "Ann", Role.ANALYST)
    access.change_role(administrator, "Ann", Role.APPROVER)
    access.disable_person(administrator, "Ann")
    assert _kinds(ledger) == [
        "person.added",
        "token.issued",
        "person.added",
        "token.issued",
        "role.changed",
        "person.disabled",
        "token.revoked",
    ]
    (change,) = ledger.entries(kind="role.changed")
    assert change.body == {"from": "analyst", "to": "approver"}
    assert change.by == administrator.person.person_id if administrator.person else False
    assert ledger.verify().ok


def test_the_ledger_names_nobody(access: Access, ledger: Ledger, administrator: Principal) -> None:
    person, token = access.add_person(administrator, "Annegret Namenlos", Role.ANALYST)
    written = [str(entry) for entry in ledger.entries()]
    assert any(person.person_id in text for text in written)
    assert not any("Annegret" in text or token.split("_", 2)[2] in text for text in written)


def test_only_an_administrator_changes_people(access: Access, administrator: Principal) -> None:
    analyst = _add(access, administrator, "Ann", Role.ANALYST)
    for deed in (
        lambda: access.add_person(analyst, "Bob", Role.APPROVER),
        lambda: access.change_role(analyst, "Ann", Role.APPROVER),
        lambda: access.disable_person(analyst, "administrator"),
        lambda: access.machine_token(analyst, "gateway", {Scope.INGEST}),
        lambda: access.create_token(analyst, "administrator", {Scope.PERSON}),
    ):
        with pytest.raises(Forbidden, match="needs the role administrator"):
            deed()


def test_nobody_changes_their_own_role_so_an_administrator_remains(access: Access, administrator: Principal) -> None:
    with pytest.raises(Forbidden, match="their own role"):
        access.change_role(administrator, "administrator", Role.ANALYST)
    with pytest.raises(Forbidden, match="disables themselves"):
        access.disable_person(administrator, "administrator")


def test_two_administrators_cannot_demote_each_other(access: Access, administrator: Principal) -> None:
    second = _add(access, administrator, "Bob", Role.ADMINISTRATOR)
    access.change_role(administrator, "Bob", Role.ANALYST)
    with pytest.raises(Forbidden, match="Bob is analyst"):
        access.change_role(second, "administrator", Role.ANALYST)


def test_a_principal_from_before_the_disabling_is_useless(access: Access, administrator: Principal) -> None:
    second = _add(access, administrator, "Bob", Role.ADMINISTRATOR)
    access.disable_person(administrator, "Bob")
    with pytest.raises(Forbidden, match="disabled"):
        access.add_person(second, "Eve", Role.APPROVER)


def test_a_change_of_role_counts_at_once_and_the_past_is_kept(access: Access, administrator: Principal) -> None:
    person, token = access.add_person(administrator, "Ann", Role.ANALYST)
    access.change_role(administrator, "Ann", Role.APPROVER)
    now = access.authenticate(token)
    assert now.person is not None
    assert (now.person.person_id, now.person.role) == (person.person_id, Role.APPROVER)
    held = [change for change in access.role_changes() if change.person_id == person.person_id]
    assert [change.role for change in held] == [Role.ANALYST, Role.APPROVER]


def test_a_role_one_has_already_is_no_change(access: Access, administrator: Principal, ledger: Ledger) -> None:
    _add(access, administrator, "Ann", Role.ANALYST)
    before = _kinds(ledger)
    with pytest.raises(Conflict):
        access.change_role(administrator, "Ann", Role.ANALYST)
    assert _kinds(ledger) == before


@pytest.mark.parametrize("name", ["ann", " ANN ", "Ａｎｎ"])
def test_two_spellings_of_one_name_are_one_person(access: Access, administrator: Principal, name: str) -> None:
    _add(access, administrator, "Ann", Role.ANALYST)
    assert access.person(name).name == "Ann"
    with pytest.raises(Conflict, match="taken"):
        access.add_person(administrator, name, Role.ANALYST)


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Ann\x00", "Ann\x1b[31m", "A\u202enn", "half \ud800"])
def test_names_that_deceive_are_refused(access: Access, administrator: Principal, name: str) -> None:
    with pytest.raises(InvalidInput):
        access.add_person(administrator, name, Role.ANALYST)


def test_an_unknown_name_is_named(access: Access) -> None:
    with pytest.raises(NotFound, match="Nobody Here"):
        access.person("Nobody Here")


def test_require_says_who_could(access: Access, administrator: Principal) -> None:
    analyst = _add(access, administrator, "Ann", Role.ANALYST)
    assert require(analyst).name == "Ann"
    assert require(analyst, Role.ANALYST, Role.APPROVER).name == "Ann"
    with pytest.raises(Forbidden, match="needs the role approver, and Ann is analyst"):
        require(analyst, Role.APPROVER)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.APPROVER])
def test_an_administrator_neither_proposes_nor_approves(administrator: Principal, role: Role) -> None:
    with pytest.raises(Forbidden):
        require(administrator, role)
