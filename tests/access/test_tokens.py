"""Tokens promise: shown once, stored as a hash, dead when expired, revoked or their holder is disabled."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from stormwatch.access.people import Access
from stormwatch.access.permission import require
from stormwatch.access.tokens import fresh_token, is_secret, parse_token
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role, Scope
from stormwatch.model.times import DAY, HOUR, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.people import tokens


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


def test_a_token_has_its_form_and_reads_back() -> None:
    token = fresh_token()
    assert re.fullmatch(r"swp_[0-9a-z-]+_[A-Za-z0-9_-]{43}", token.text)
    parsed = parse_token(f" {token.text}\n")
    assert parsed is not None
    assert parsed[0] == token.token_id
    assert is_secret(parsed[1], token.secret_hash)
    assert not is_secret(parsed[1], None)
    assert not is_secret(parsed[1][:-1] + "?", token.secret_hash)


@given(st.text())
def test_what_is_no_token_has_no_parts(garbage: str) -> None:
    assert parse_token(garbage) is None


@pytest.mark.parametrize(
    "garbage", ["", "swp", "swp__", "swp_t-1_" + "a" * 42, "swq_t-1_" + "a" * 43, "swp_t-1_" + "é" * 43, "x" * 10**6]
)
def test_garbage_is_not_valid_here(access: Access, garbage: str) -> None:
    with pytest.raises(Forbidden, match="not valid here"):
        access.authenticate(garbage)


def test_an_unknown_id_and_a_wrong_secret_read_the_same(access: Access, administrator: Principal) -> None:
    _, token = access.add_person(administrator, "Ann", Role.ANALYST)
    sentences = set()
    for wrong in (token[:-1] + ("a" if token[-1] != "a" else "b"), fresh_token().text):
        with pytest.raises(Forbidden) as caught:
            access.authenticate(wrong)
        sentences.add(str(caught.value))
    assert len(sentences) == 1


def test_the_database_holds_no_secret(access: Access, administrator: Principal, either_database: Database) -> None:
    _, token = access.add_person(administrator, "Ann", Role.ANALYST)
    secret = token.split("_", 2)[2]
    with either_database.read() as connection:
        for table in ("tokens", "people", "ledger", "role_changes"):
            assert secret not in str(connection.execute(text(f"SELECT * FROM {table}")).all())


def test_a_machine_token_is_no_person(access: Access, administrator: Principal) -> None:
    machine = access.authenticate(access.machine_token(administrator, "gateway-1", {Scope.INGEST, Scope.DECIDE}))
    assert (machine.person, machine.label) == (None, "gateway-1")
    assert machine.scopes == {Scope.INGEST, Scope.DECIDE}
    with pytest.raises(Forbidden, match="machine"):
        require(machine)


@pytest.mark.parametrize("scopes", [set(), {Scope.PERSON}, {Scope.PERSON, Scope.INGEST}])
def test_a_machine_token_carries_machine_scopes_only(
    access: Access, administrator: Principal, scopes: set[Scope]
) -> None:
    with pytest.raises(InvalidInput):
        access.machine_token(administrator, "gateway-1", scopes)


def test_the_scope_decides_whose_token_it_is(access: Access, administrator: Principal) -> None:
    access.add_person(administrator, "Ann", Role.ANALYST)
    person = access.authenticate(access.create_token(administrator, "ann", {Scope.PERSON})).person
    assert person is not None
    assert person.name == "Ann"
    assert access.authenticate(access.create_token(administrator, "gateway", {Scope.INGEST})).person is None
    with pytest.raises(NotFound, match="gateway"):
        access.create_token(administrator, "gateway", {Scope.PERSON})
    with pytest.raises(Conflict, match="Ann is a person"):
        access.create_token(administrator, "Ann", {Scope.INGEST})
    with pytest.raises(InvalidInput, match="no other"):
        access.create_token(administrator, "Ann", {Scope.PERSON, Scope.INGEST})


def test_people_make_further_tokens_for_themselves(access: Access, administrator: Principal) -> None:
    _, first = access.add_person(administrator, "Ann", Role.ANALYST)
    second = access.create_token(access.authenticate(first), "Ann", {Scope.PERSON}, label="laptop")
    assert access.authenticate(first).person == access.authenticate(second).person


def test_nobody_can_quietly_hold_a_second_key_to_anothers_account(
    access: Access, administrator: Principal, ledger: Ledger
) -> None:
    person, first = access.add_person(administrator, "Ann", Role.ANALYST)
    access.create_token(administrator, "Ann", {Scope.PERSON})
    with pytest.raises(Forbidden, match="revoked"):
        access.authenticate(first)
    kinds = [entry.kind for entry in ledger.entries(subject=person.person_id)]
    assert kinds == ["person.added", "token.issued", "token.revoked", "token.issued"]


def test_an_expired_token_is_refused(access: Access, administrator: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    later = now_us() + DAY
    token = access.create_token(administrator, "gateway", {Scope.INGEST}, later)
    assert access.authenticate(token)
    monkeypatch.setattr("stormwatch.access.people.now_us", lambda: later)
    with pytest.raises(Forbidden, match="expired"):
        access.authenticate(token)
    assert [record.state(later) for record in access.tokens()] == ["valid", "expired"]


def test_a_token_that_would_be_expired_already_is_refused(access: Access, administrator: Principal) -> None:
    with pytest.raises(InvalidInput, match="past"):
        access.create_token(administrator, "gateway", {Scope.INGEST}, now_us() - 1)


def test_a_revoked_token_is_dead_at_once_and_stays_so(access: Access, administrator: Principal) -> None:
    token = access.machine_token(administrator, "gateway", {Scope.DECIDE})
    token_id = access.authenticate(token).token_id
    access.revoke_token(administrator, token_id)
    with pytest.raises(Forbidden, match="revoked"):
        access.authenticate(token)
    with pytest.raises(Conflict):
        access.revoke_token(administrator, token_id)


def test_people_revoke_their_own_tokens_and_see_no_others(access: Access, administrator: Principal) -> None:
    ann = access.authenticate(access.add_person(administrator, "Ann", Role.ANALYST)[1])
    with pytest.raises(NotFound):
        access.revoke_token(ann, administrator.token_id)
    access.revoke_token(ann, ann.token_id)
    assert {record.token_id: record.state(now_us()) for record in access.tokens()}[ann.token_id] == "revoked"


def test_disabling_a_person_kills_their_tokens(access: Access, administrator: Principal) -> None:
    _, token = access.add_person(administrator, "Ann", Role.ANALYST)
    access.disable_person(administrator, "Ann")
    with pytest.raises(Forbidden, match="Ann is disabled"):
        access.authenticate(token)
    with pytest.raises(Conflict, match="disabled"):
        access.create_token(administrator, "Ann", {Scope.PERSON})


def test_the_last_use_is_noted_once_an_hour(
    access: Access, administrator: Principal, either_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = access.machine_token(administrator, "gateway", {Scope.DECIDE})
    start = now_us()

    def use_at(moment: int) -> int | None:
        monkeypatch.setattr("stormwatch.access.people.now_us", lambda: moment)
        token_id = access.authenticate(token).token_id
        with either_database.read() as connection:
            query = select(tokens.c.last_used_us).where(tokens.c.token_id == token_id)
            return connection.execute(query).scalar_one()

    assert [use_at(start), use_at(start + HOUR - 1), use_at(start + HOUR)] == [start, start, start + HOUR]
