"""Passwords promise: long and unguessable by list, stored as Argon2id, set by one-time codes, never a second key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from people_making import PASSWORD, Team, give_password, make_team
from stormwatch.access import passwords as hashing
from stormwatch.access.invitations import LASTS_US
from stormwatch.access.password_rules import LONGEST, SHORTEST, require_acceptable
from stormwatch.access.sessions import Visit
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Role
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

HERE = Visit("127.0.0.1")


@pytest.fixture
def team(runtime: Runtime) -> Team:
    return make_team(runtime)


def kinds(team: Team, name: str) -> list[str]:
    return [entry.kind for entry in team.runtime.ledger.entries(subject=team.person_id(name))]


@pytest.mark.parametrize(
    "password",
    [
        "short but odd 7",
        "teapot violin gravel moss",
        "пароль из пяти разных слов",
        "k7$Qx!9mZ#p2Lw@4",
        "  spaces   count too, yes ",
        "x1y2z3w4v5u6t7s8" * 16,
    ],
)
def test_long_and_odd_is_enough_whatever_it_is_made_of(password: str) -> None:
    require_acceptable(password, ("ana",))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "Tr0ub4dor&3",
        "k7$Qx!9mZ#p2Lw",
        "a" * 15,
        "passwordpassword1",
        "correct horse battery staple",
        "1234567890123456",
        "qwertyuiopasdfgh",
        "Stormwatch-2026-11!",
        "maximiliana maximiliana 1",
        "abcdefghijklmno",
        "teapot violin\x00 gravel moss",
        "teapot violin gravel \ud800",
        "teapot violin gravel moss" * 20,
    ],
)
def test_short_listed_or_own_words_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        require_acceptable(password, ("Maximiliana Stormwatch",))


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=300))
def test_no_rule_but_length_and_the_list_refuses(password: str) -> None:
    normal = hashing.normalised(password)
    odd = len(set("".join(normal.casefold().split()))) > 30  # no list of ours leaves so little of it
    if odd and SHORTEST <= len(normal) <= LONGEST:
        require_acceptable(password)


def test_a_password_is_kept_as_argon2id_alone(team: Team) -> None:
    give_password(team.runtime, team.tokens["ana"])
    with team.runtime.database.read() as connection:
        everything = "".join(
            str(connection.execute(text(f"SELECT * FROM {table}")).all())
            for table in ("passwords", "invitations", "people", "ledger", "sessions")
        )
    assert PASSWORD not in everything
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in everything


def test_the_hash_that_stands_in_for_nobody_costs_what_a_real_one_costs() -> None:
    assert not hashing.is_outdated(hashing._NOBODYS)
    assert not hashing.is_password("", None)


def test_the_same_characters_from_another_keyboard_are_the_same_password() -> None:
    assert hashing.is_password("café au lait, deux", hashing.hash_password("cafe\u0301 au lait, deux"))


def test_a_one_time_code_counts_once_and_not_for_long(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, ana = team.runtime.passwords, team.principal("ana")
    code = passwords.invite(ana, "ana").code
    assert passwords.redeem(f" {code}\n", PASSWORD).name == "ana"
    with pytest.raises(Forbidden, match="not valid, was used or is too old"):
        passwords.redeem(code, PASSWORD)
    first, second = passwords.invite(ana, "ana").code, passwords.invite(ana, "ana").code
    with pytest.raises(Forbidden):
        passwords.redeem(first, PASSWORD)
    late = now_us() + LASTS_US
    monkeypatch.setattr("stormwatch.access.invitations.now_us", lambda: late)
    with pytest.raises(Forbidden):
        passwords.redeem(second, PASSWORD)


def test_a_refused_password_does_not_use_the_code_up(team: Team) -> None:
    code = team.runtime.passwords.invite(team.principal("ana"), "ana").code
    with pytest.raises(InvalidInput):
        team.runtime.passwords.redeem(code, "too short")
    assert team.runtime.passwords.redeem(code, PASSWORD)


def test_who_is_no_administrator_makes_codes_for_themselves_alone(team: Team) -> None:
    with pytest.raises(Forbidden, match="administrator"):
        team.runtime.passwords.invite(team.principal("ana"), "paul")


def test_an_administrators_code_voids_what_the_person_had(team: Team) -> None:
    """A second key to another's account would let an administrator approve in their name."""
    give_password(team.runtime, team.tokens["paul"])
    opened = team.runtime.sign_in.by_password("paul", PASSWORD, HERE)
    code = team.runtime.passwords.invite(team.principal("chief"), "paul").code
    assert team.runtime.sessions.find(opened.cookie) is None
    with pytest.raises(Forbidden, match="revoked"):
        team.principal("paul")
    with pytest.raises(Forbidden):
        team.runtime.sign_in.by_password("paul", PASSWORD, HERE)
    assert {"password.reset", "token.revoked", "password.invited"} <= set(kinds(team, "paul"))
    team.runtime.passwords.redeem(code, PASSWORD + " again")
    assert kinds(team, "paul")[-1] == "password.set"


def test_a_newcomers_code_leaves_the_token_until_it_is_used_and_then_ends_it(team: Team) -> None:
    chief = team.principal("chief")
    _, token = team.runtime.access.add_person(chief, "nora", Role.ANALYST)
    code = team.runtime.passwords.invite(chief, "nora").code
    assert team.runtime.access.authenticate(token)
    team.runtime.passwords.redeem(code, PASSWORD)
    with pytest.raises(Forbidden, match="revoked"):
        team.runtime.access.authenticate(token)  # the administrator saw it when it was made


def test_a_disabled_person_gets_and_redeems_no_code(team: Team) -> None:
    code = team.runtime.passwords.invite(team.principal("ana"), "ana").code
    team.runtime.access.disable_person(team.principal("chief"), "ana")
    with pytest.raises(Forbidden):
        team.runtime.passwords.redeem(code, PASSWORD)
    with pytest.raises(Conflict):
        team.runtime.passwords.invite(team.principal("chief"), "ana")
    with pytest.raises(NotFound):
        team.runtime.passwords.invite(team.principal("chief"), "nobody")


def test_changing_needs_the_present_one_and_ends_other_sessions(team: Team) -> None:
    give_password(team.runtime, team.tokens["ana"])
    sessions = team.runtime.sessions
    mine, other = (team.runtime.sign_in.by_password("ana", PASSWORD, HERE).cookie for _ in range(2))
    session = sessions.find(mine)
    assert session is not None
    with pytest.raises(Forbidden, match="present password"):
        team.runtime.passwords.change(session, "guess", "gravel moss teapot violin")
    team.runtime.passwords.change(session, PASSWORD, "gravel moss teapot violin")
    assert sessions.find(mine) is not None
    assert sessions.find(other) is None
    assert team.runtime.sign_in.by_password("ana", "gravel moss teapot violin", HERE)


def test_guessing_the_present_password_from_a_stolen_session_is_slowed(team: Team) -> None:
    give_password(team.runtime, team.tokens["ana"])
    session = team.runtime.sessions.find(team.runtime.sign_in.by_password("ana", PASSWORD, HERE).cookie)
    assert session is not None
    sentences = []
    for _ in range(6):
        with pytest.raises(Forbidden) as caught:
            team.runtime.passwords.change(session, "guess", "gravel moss teapot violin")
        sentences.append(str(caught.value))
    assert "too many attempts" in sentences[-1]
