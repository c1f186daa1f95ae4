"""Conduct is weighed against how many accounts here show it."""

from stormwatch.accounts.conduct import conduct_evidence
from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.weights import load_weights
from stormwatch.model.times import DAY, HOUR

CONDUCT = load_weights().conduct


def account(name: str, **given: int | None) -> AccountFacts:
    usual: dict[str, int | None] = {
        "events": 40, "refused": 0, "retries": 0, "quick_gaps": 0, "gaps": 39,
        "first_us": 0, "last_us": 20 * DAY, "created_us": -100 * DAY,
    }  # fmt: skip
    return AccountFacts(account_id=name, org_id=None, status="active", **(usual | given))


def ordinary(count: int) -> list[AccountFacts]:
    return [account(f"ordinary-{number}") for number in range(count)]


def test_rare_tempo_weighs_and_common_tempo_does_not() -> None:
    machine = [account(f"machine-{number}", quick_gaps=39) for number in range(2)]
    rare = list(conduct_evidence([*ordinary(500), *machine], CONDUCT))
    assert {piece.account_id for piece in rare} == {"machine-0", "machine-1"}
    assert all(piece.kind == "machine-tempo" and piece.weight_bits > 1 for piece in rare)
    many = [account(f"machine-{number}", quick_gaps=39) for number in range(500)]
    assert all(piece.weight_bits == 0 for piece in conduct_evidence([*ordinary(500), *many], CONDUCT))


def test_each_piece_has_an_innocent_explanation_and_its_measured_frequency() -> None:
    pieces = list(conduct_evidence([*ordinary(99), account("retries", refused=4, retries=4)], CONDUCT))
    assert [(piece.account_id, piece.innocent_frequency) for piece in pieces] == [("retries", 0.01)]
    assert pieces[0].innocent_explanation


def test_an_account_is_thrown_away_only_when_enough_time_has_passed_since() -> None:
    brief = {"events": 5, "created_us": 19 * DAY, "first_us": 19 * DAY + HOUR, "last_us": 19 * DAY + 2 * HOUR}
    old = {"events": 5, "created_us": DAY, "first_us": DAY + HOUR, "last_us": DAY + 2 * HOUR}
    pieces = list(conduct_evidence([*ordinary(99), account("new", **brief), account("gone", **old)], CONDUCT))
    assert [(piece.account_id, piece.kind) for piece in pieces] == [("gone", "throw-away-use")]


def test_accounts_that_were_never_seen_count_for_nothing() -> None:
    assert list(conduct_evidence([account("silent", events=0, first_us=None, last_us=None)], CONDUCT)) == []
