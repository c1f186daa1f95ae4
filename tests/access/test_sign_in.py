"""The ways in promise: guessing is slowed and never locks anybody out for good, refusals tell nothing, logs neither."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from people_making import PASSWORD, Team, give_factor, give_password, make_team
from stormwatch.access import throttle
from stormwatch.access.sessions import AWAITING_US, IDLE_US, LONGEST_US, Visit
from stormwatch.access.throttle import ACCOUNT, ADDRESS, FORGOTTEN_US, Limit, count_attempt
from stormwatch.model.errors import FactorNeeded, Forbidden, TooManyAttempts
from stormwatch.model.principal import Role
from stormwatch.model.times import HOUR, MINUTE, now_us
from stormwatch.runtime import Runtime, open_runtime

HOME = Visit("192.0.2.1")
STRANGER = Visit("198.51.100.7")
CLOCKS = ("access.sign_in", "access.sessions", "access.people")


@pytest.fixture
def team(quick_passwords: None, runtime: Runtime) -> Team:
    return with_password(runtime)


@pytest.fixture
def team_of_real_hashes(runtime: Runtime) -> Team:
    return with_password(runtime)


def with_password(runtime: Runtime) -> Team:
    made = make_team(runtime)
    give_password(runtime, made.tokens["ana"])
    return made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Moves the clocks of signing in forward, counted from the real time."""

    def move(by_us: int) -> None:
        for module in CLOCKS:
            monkeypatch.setattr(f"stormwatch.{module}.now_us", lambda: now_us() + by_us)

    return move


def guess(team: Team, name: str = "ana", visit: Visit = STRANGER, password: str = "wrong guess here") -> Forbidden:
    with pytest.raises(Forbidden) as caught:
        team.runtime.sign_in.by_password(name, password, visit)
    return caught.value


def locked(team: Team) -> list[object]:
    return [entry.body["kind"] for entry in team.runtime.ledger.entries(kind="sign_in.locked")]


def test_a_right_pair_opens_a_session_of_that_person(team: Team) -> None:
    opened = team.runtime.sign_in.by_password(" ANA ", PASSWORD, HOME)
    session = team.runtime.sessions.find(opened.cookie)
    assert session is not None
    assert (session.person.name, session.principal.owes_factor, opened.awaits_factor) == ("ana", False, False)
    with pytest.raises(Forbidden):
        team.runtime.sign_in.by_password("ana", PASSWORD.upper(), HOME)


@pytest.mark.parametrize("name", ["ana", "paul", "nobody", "gone", "", "a\x00b", "x" * 5000, PASSWORD])
def test_every_refusal_reads_the_same(team: Team, name: str) -> None:
    team.runtime.access.add_person(team.principal("chief"), "gone", Role.ANALYST)
    team.runtime.access.disable_person(team.principal("chief"), "gone")
    assert str(guess(team, name)) == "this is not right; check what you typed, or ask an administrator"


def test_a_disabled_person_does_not_come_in_with_the_right_password(team: Team) -> None:
    team.runtime.access.disable_person(team.principal("chief"), "ana")
    guess(team, password=PASSWORD)


def test_an_unknown_name_takes_as_long_as_a_known_one(team_of_real_hashes: Team) -> None:
    """Grossly: Argon2id is nearly all of it, and it is computed for names that nobody has, too."""

    def seconds(name: str, number: int) -> float:
        start = time.process_time()
        guess(team_of_real_hashes, name, Visit(f"203.0.113.{number}"))
        return time.process_time() - start

    unknown, known = [], []
    for number in range(4):  # fewer than close an account
        unknown.append(seconds(f"nobody {number}", number))
        known.append(seconds("ana", 100 + number))
    assert 0.5 < statistics.median(unknown) / statistics.median(known) < 2


def test_guessing_closes_the_account_for_a_growing_while(team: Team, later: Callable[[int], None]) -> None:
    for _ in range(ACCOUNT.free):
        guess(team)
    waits = []
    moment = 0
    for _ in range(8):
        closed = guess(team)
        assert isinstance(closed, TooManyAttempts)
        waits.append(round(closed.wait_us / MINUTE))
        moment += closed.wait_us + 1_000_000
        later(moment)
        assert not isinstance(guess(team), TooManyAttempts)  # one further guess, then it closes for longer
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert locked(team) == ["account"], "one entry for one row of failures"


def test_the_right_password_waits_too_while_closed(team: Team) -> None:
    for _ in range(ACCOUNT.free):
        guess(team)
    assert isinstance(guess(team, password=PASSWORD), TooManyAttempts)


def test_closing_tells_nothing_of_who_is_here(team: Team) -> None:
    for name in ("ana", "nobody"):
        visits = [Visit(f"203.0.113.{number}") for number in range(6)]
        answers = [str(guess(team, name, visit)) for visit in visits]
        assert answers[-1] == "too many attempts failed; wait 1 minute and try again"
        assert len(set(answers[:-1])) == 1


def test_trying_on_does_not_keep_it_closed(team: Team, later: Callable[[int], None]) -> None:
    for _ in range(ACCOUNT.free + 200):
        guess(team)
    later(ACCOUNT.first_us + 1_000_000)
    assert team.runtime.sign_in.by_password("ana", PASSWORD, STRANGER)


def test_a_stranger_does_not_shut_out_a_browser_that_was_here_before(team: Team) -> None:
    known = replace(HOME, known_browser=team.runtime.sign_in.browsers.mark(team.person_id("ana")))
    for number in range(ACCOUNT.free + 3):
        guess(team, visit=Visit(f"203.0.113.{number}"))
    assert isinstance(guess(team, visit=HOME, password=PASSWORD), TooManyAttempts)
    assert team.runtime.sign_in.by_password("ana", PASSWORD, known)


def test_a_mark_of_a_browser_is_no_way_around_the_count(team: Team) -> None:
    """A forged mark is none, another person's is none, and a real one has a count of its own."""
    browsers = team.runtime.sign_in.browsers
    of_another = browsers.mark(team.person_id("paul"))
    for number in range(ACCOUNT.free):
        guess(team, visit=replace(STRANGER, known_browser=("made up.00", of_another, "", "x.", ".")[number]))
    assert isinstance(guess(team, visit=replace(STRANGER, known_browser=of_another)), TooManyAttempts)
    stolen = replace(STRANGER, known_browser=browsers.mark(team.person_id("ana")))
    for _ in range(ACCOUNT.free):
        guess(team, visit=stolen)
    assert isinstance(guess(team, visit=stolen, password=PASSWORD), TooManyAttempts)


def test_one_address_cannot_try_many_names(team: Team) -> None:
    for number in range(ADDRESS.free):
        guess(team, f"nobody {number}")
    assert isinstance(guess(team, "somebody else"), TooManyAttempts)
    assert not isinstance(guess(team, "somebody else", HOME), TooManyAttempts)
    assert locked(team) == [], "no address goes on the ledger"


def test_one_household_of_ipv6_is_one_address(team: Team) -> None:
    for number in range(ADDRESS.free):
        guess(team, f"nobody {number}", Visit(f"2001:db8:0:1::{number:x}"))
    assert isinstance(guess(team, "x", Visit("2001:db8:0:1:ffff::1")), TooManyAttempts)
    assert not isinstance(guess(team, "x", Visit("2001:db8:0:2::1")), TooManyAttempts)


def test_a_right_password_does_not_excuse_guesses_at_others_from_the_same_address(team: Team) -> None:
    for number in range(ADDRESS.free - 1):
        guess(team, f"nobody {number}")
        if number % 3 == 0:
            team.runtime.sign_in.by_password("ana", PASSWORD, STRANGER)
    guess(team, "one more")
    assert isinstance(guess(team, "and another"), TooManyAttempts)


def test_many_guesses_in_the_same_moment_gain_nothing(team: Team) -> None:
    barrier = threading.Barrier(12)

    def one(_number: int) -> bool:
        barrier.wait()
        return isinstance(guess(team), TooManyAttempts)

    with ThreadPoolExecutor(12) as pool:
        closed = list(pool.map(one, range(12)))
    assert closed.count(False) == ACCOUNT.free


@given(failures=st.integers(0, 10**6), free=st.integers(1, 100))
def test_waiting_always_ends(failures: int, free: int) -> None:
    wait = Limit(free).wait_us(failures)
    assert 0 <= wait <= HOUR
    assert (wait == 0) is (failures < free)
    assert Limit(free).wait_us(failures + 1) >= wait


def test_failures_are_forgotten_after_a_day(team: Team) -> None:
    with team.runtime.database.write() as connection:
        for number in range(3):
            assert not count_attempt(connection, {"a": Limit(3)}, number * (FORGOTTEN_US + 1) + 1)
    assert throttle.FORGOTTEN_US == 24 * HOUR


def test_a_second_factor_has_to_follow_before_anything_opens(team: Team) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    for opened in (
        team.runtime.sign_in.by_password("ana", PASSWORD, HOME),
        team.runtime.sign_in.by_token(team.tokens["ana"], HOME),
    ):
        assert opened.awaits_factor
        assert team.runtime.sessions.find(opened.cookie) is None
        awaiting = team.runtime.sessions.find(opened.cookie, awaiting=True)
        assert awaiting is not None
        cookie = team.runtime.sign_in.give_factor(awaiting, device.code(), HOME)
        assert cookie != opened.cookie
        assert team.runtime.sessions.find(opened.cookie) is None
        assert team.runtime.sessions.find(opened.cookie, awaiting=True) is None
        session = team.runtime.sessions.find(cookie)
        assert session is not None
        assert not session.principal.owes_factor


def test_codes_are_not_guessed_either(team: Team, later: Callable[[int], None]) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    opened = team.runtime.sign_in.by_password("ana", PASSWORD, HOME)
    awaiting = team.runtime.sessions.find(opened.cookie, awaiting=True)
    assert awaiting is not None
    for number in range(ACCOUNT.free):
        with pytest.raises(Forbidden):
            team.runtime.sign_in.give_factor(awaiting, f"{number:06}", HOME)
    with pytest.raises(TooManyAttempts):
        team.runtime.sign_in.give_factor(awaiting, device.code(), HOME)
    with pytest.raises(TooManyAttempts):  # nor through the command line, which shares the count
        team.runtime.sign_in.prove_for_command(team.principal("ana"), device.code())
    assert locked(team) == ["factor"]


def test_sessions_that_wait_for_a_code_do_not_wait_long(team: Team, later: Callable[[int], None]) -> None:
    give_factor(team.runtime, team.tokens["ana"])
    opened = team.runtime.sign_in.by_password("ana", PASSWORD, HOME)
    later(AWAITING_US + 1_000_000)
    assert team.runtime.sessions.find(opened.cookie, awaiting=True) is None


@pytest.mark.parametrize("clock", [IDLE_US, LONGEST_US])
def test_sessions_end_idle_and_end_anyway(team: Team, later: Callable[[int], None], clock: int) -> None:
    opened = team.runtime.sign_in.by_password("ana", PASSWORD, HOME)
    step = IDLE_US - MINUTE
    for moment in range(step, clock, step) if clock == LONGEST_US else ():
        later(moment)
        assert team.runtime.sessions.find(opened.cookie) is not None
    later(clock + MINUTE)
    assert team.runtime.sessions.find(opened.cookie) is None


def test_a_fresh_code_is_owed_again_after_a_while(team: Team, later: Callable[[int], None]) -> None:
    device = give_factor(team.runtime, team.tokens["ana"])
    opened = team.runtime.sign_in.by_password("ana", PASSWORD, HOME)
    awaiting = team.runtime.sessions.find(opened.cookie, awaiting=True)
    assert awaiting is not None
    cookie = team.runtime.sign_in.give_factor(awaiting, device.code(), HOME)
    later(11 * MINUTE)
    session = team.runtime.sessions.find(cookie)
    assert session is not None
    assert session.principal.owes_factor
    with pytest.raises(FactorNeeded):
        team.runtime.access.create_token(session.principal, "ana", session.principal.scopes)


def test_asking_anew_can_be_turned_off(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    give_factor(team.runtime, team.tokens["ana"])
    assert team.principal("ana").owes_factor
    monkeypatch.setenv("STORMWATCH_STEP_UP_MINUTES", "0")
    other = open_runtime(team.runtime.settings.home)
    assert not other.access.authenticate(team.tokens["ana"]).owes_factor
    other.close()


def test_a_revoked_or_expired_token_ends_the_sessions_that_it_opened(team: Team, later: Callable[[int], None]) -> None:
    ana = team.principal("ana")
    brief = team.runtime.access.create_token(ana, "ana", ana.scopes, now_us() + MINUTE)
    by_brief = team.runtime.sign_in.by_token(brief, HOME).cookie
    by_first = team.runtime.sign_in.by_token(team.tokens["ana"], HOME).cookie
    by_password = team.runtime.sign_in.by_password("ana", PASSWORD, HOME).cookie
    team.runtime.access.revoke_token(ana, ana.token_id)
    assert team.runtime.sessions.find(by_first) is None
    assert team.runtime.sessions.find(by_brief) is not None
    later(2 * MINUTE)
    assert team.runtime.sessions.find(by_brief) is None
    assert team.runtime.sessions.find(by_password) is not None


def test_the_log_says_who_and_never_what_was_typed(team: Team) -> None:
    typed = PASSWORD + '\n{"event": "signed_in"}\x1b[31m'
    with structlog.testing.capture_logs() as lines:
        guess(team, typed, Visit("192.0.2.1\n"), typed)
        guess(team, password=typed)
        with pytest.raises(Forbidden):
            team.runtime.sign_in.by_token(team.tokens["ana"][:-1], HOME)
        opened = team.runtime.sign_in.by_password("ana", PASSWORD, HOME)
    said = json.dumps(lines)
    assert PASSWORD not in said
    assert opened.cookie not in said
    assert team.tokens["ana"][:-1] not in said
    assert [line["event"] for line in lines] == ["sign_in_refused"] * 3 + ["signed_in"]
    assert [line["person"] for line in lines] == [None, team.person_id("ana"), None, team.person_id("ana")]
