"""Second factors promise: RFC 6238, no code twice, recovery codes once, secrets sealed, resets on the ledger."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from people_making import PASSWORD, Device, Team, give_factor, give_password, make_team
from stormwatch.access.second_factors import STEP_SECONDS
from stormwatch.access.sessions import Visit
from stormwatch.model.errors import Conflict, FactorNeeded, Forbidden, InvalidInput
from stormwatch.model.times import SECOND, now_us
from stormwatch.runtime import Runtime

HERE = Visit("127.0.0.1")


@pytest.fixture
def team(runtime: Runtime) -> Team:
    return make_team(runtime)


def proves(team: Team, code: str, name: str = "ana") -> bool:
    with team.runtime.database.write() as connection:
        return team.runtime.second_factors.prove(connection, team.person_id(name), code)


@pytest.mark.parametrize(("time_s", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_rfc_6238(time_s: int, code: str, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last six digits of the RFC's test vectors (appendix B), whose secret is twenty ASCII digits."""
    secret = b"12345678901234567890"
    monkeypatch.setattr("stormwatch.access.second_factors.now_us", lambda: time_s * SECOND)
    with monkeypatch.context() as patch:
        patch.setattr("stormwatch.access.second_factors.secrets.token_bytes", lambda count: secret[:count])
        team.runtime.second_factors.begin(team.principal("ana"))
    with team.runtime.database.write() as connection:
        assert len(team.runtime.second_factors.confirm(connection, team.principal("ana"), code)) == 10


def test_no_code_is_right_twice(team: Team) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    code = device.code()
    assert proves(team, code)
    assert not proves(team, code)
    assert not proves(team, f"{code[:3]} {code[3:]}")


def test_a_code_from_before_the_last_one_is_not_right_any_more(team: Team) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    earlier, later = device.code(), device.code()
    assert proves(team, later)
    assert not proves(team, earlier)


def test_one_step_of_drift_and_no_more(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    present = now_us() // SECOND // STEP_SECONDS + 100
    monkeypatch.setattr("stormwatch.access.second_factors.now_us", lambda: present * STEP_SECONDS * SECOND)
    assert not proves(team, device.shown_at(present + 2))
    assert not proves(team, device.shown_at(present - 2))
    assert proves(team, device.shown_at(present - 1))
    assert proves(team, device.shown_at(present + 1))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "\ud800" * 6, "x" * 10_000])
def test_what_is_no_code_is_not_right(team: Team, code: str) -> None:
    give_factor(team.runtime, team.tokens["ana"])
    assert not proves(team, code)


def test_recovery_codes_count_once_and_for_their_owner_alone(team: Team) -> None:
    device, other = (give_factor(team.runtime, team.tokens[name]) for name in ("ana", "paul"))
    code = device.recovery_codes[0]
    assert len(code.replace("-", "")) == 24
    assert not proves(team, code, "paul")
    assert proves(team, code.lower().replace("-", " "))
    assert not proves(team, code)
    assert proves(team, other.recovery_codes[0], "paul")
    assert team.runtime.second_factors.recovery_codes_left(team.person_id("ana")) == 9
    assert "recovery_code.used" in [e.kind for e in team.runtime.ledger.entries(subject=team.person_id("ana"))]


def test_neither_secret_nor_recovery_codes_are_readable_in_the_database(team: Team) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    with team.runtime.database.read() as connection:
        everything = "".join(
            str(connection.execute(text(f"SELECT * FROM {table}")).all())
            for table in ("second_factors", "recovery_codes", "ledger")
        )
    assert device.secret.replace(" ", "") not in everything
    assert not [code for code in device.recovery_codes if code in everything or code.replace("-", "") in everything]


def test_a_secret_counts_only_after_a_right_code(team: Team) -> None:
    give_password(team.runtime, team.tokens["ana"])
    factors, ana = team.runtime.second_factors, team.principal("ana")
    device = Device(factors.begin(ana).secret)
    assert not team.runtime.sign_in.by_password("ana", PASSWORD, HERE).awaits_factor
    with team.runtime.database.write() as connection, pytest.raises(InvalidInput):
        factors.confirm(connection, ana, "000000" if device.shown_at(0) != "000000" else "000001")
    assert not proves(team, device.code())
    again = factors.begun(ana)
    assert again is not None
    assert again.secret == device.secret
    with team.runtime.database.write() as connection:
        factors.confirm(connection, ana, device.code())
    assert team.runtime.sign_in.by_password("ana", PASSWORD, HERE).awaits_factor


def test_a_second_factor_is_not_replaced_while_it_counts(team: Team) -> None:
    """Or a stolen session would put its own in the place of the owner's."""
    give_factor(team.runtime, team.tokens["ana"])
    with pytest.raises(Conflict):
        team.runtime.second_factors.begin(team.principal("ana"))
    for deed in (team.runtime.second_factors.remove, team.runtime.second_factors.renew_recovery_codes):
        with pytest.raises(FactorNeeded):
            deed(team.principal("ana"))


def test_administrators_reset_others_second_factor_never_their_own(team: Team) -> None:
    give_password(team.runtime, team.tokens["ana"])
    cookie = team.runtime.sign_in.by_password("ana", PASSWORD, HERE).cookie
    give_factor(team.runtime, team.tokens["ana"])
    give_factor(team.runtime, team.tokens["chief"])
    factors, chief = team.runtime.second_factors, team.principal("chief")
    with pytest.raises(Forbidden, match="administrator"):
        factors.reset(team.principal("paul"), "ana")
    with pytest.raises(Forbidden, match="their own"):
        factors.reset(chief, "chief")
    factors.reset(chief, "ana")
    assert team.runtime.sessions.find(cookie) is None
    assert not factors.enrolled(team.person_id("ana"))
    (entry,) = team.runtime.ledger.entries(kind="second_factor.reset")
    assert (entry.by, entry.subject) == (team.person_id("chief"), team.person_id("ana"))
    with pytest.raises(Conflict):
        factors.reset(chief, "ana")


def test_the_address_in_the_picture_is_what_apps_read(team: Team) -> None:
    enrolment = team.runtime.second_factors.begin(team.principal("ana"))
    assert enrolment.uri.startswith("otpauth://totp/Stormwatch%20%28this%20provider%29:ana?")
    assert f"secret={enrolment.secret.replace(' ', '')}" in enrolment.uri
