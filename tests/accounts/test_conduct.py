"""Conduct is weighed against how many accounts here show it."""

from stormwatch.accounts.conduct import conduct_evidence
from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.findings import AccountFinding, finding_evidence
from stormwatch.accounts.weights import load_weights
from stormwatch.detections.detectors.run import registry
from stormwatch.detections.detectors.settings import detector_settings
from stormwatch.model.times import DAY, HOUR

WEIGHTS = load_weights()
CONDUCT = WEIGHTS.conduct


def account(name: str, **given: int | None) -> AccountFacts:
    usual: dict[str, int | None] = {
        "events": 40, "first_us": 0, "last_us": 20 * DAY, "created_us": -100 * DAY,
    }  # fmt: skip
    return AccountFacts(account_id=name, org_id=None, status="active", **(usual | given))


def ordinary(count: int) -> list[AccountFacts]:
    return [account(f"ordinary-{number}") for number in range(count)]


def finding(account_id: str, detector: str = "machine-tempo") -> AccountFinding:
    return AccountFinding(detector, account_id, f"event-of-{account_id}", 7, "seen", "a scheduled job")


def test_a_rare_finding_weighs_and_a_common_one_does_not() -> None:
    rare = list(finding_evidence([finding("a"), finding("b")], WEIGHTS.findings, population=500))
    assert {piece.account_id for piece in rare} == {"a", "b"}
    assert all(piece.kind == "machine-tempo" and piece.weight_bits > 1 for piece in rare)
    many = [finding(f"account-{number}") for number in range(300)]
    assert all(piece.weight_bits == 0 for piece in finding_evidence(many, WEIGHTS.findings, population=500))


def test_a_finding_keeps_its_words_its_event_and_its_measured_frequency() -> None:
    (piece,) = finding_evidence([finding("a")], WEIGHTS.findings, population=100)
    assert (piece.summary, piece.innocent_explanation, piece.event_ids) == ("seen", "a scheduled job", ("event-of-a",))
    assert piece.innocent_frequency == 0.01


def test_a_detector_without_a_weight_says_nothing_and_every_detector_has_one() -> None:
    assert list(finding_evidence([finding("a", "not-weighed")], WEIGHTS.findings, population=10)) == []
    assert set(WEIGHTS.findings) == {detector.name for detector in registry(detector_settings())}


def test_an_account_is_thrown_away_only_when_enough_time_has_passed_since() -> None:
    brief = {"events": 5, "created_us": 19 * DAY, "first_us": 19 * DAY + HOUR, "last_us": 19 * DAY + 2 * HOUR}
    old = {"events": 5, "created_us": DAY, "first_us": DAY + HOUR, "last_us": DAY + 2 * HOUR}
    pieces = list(conduct_evidence([*ordinary(99), account("new", **brief), account("gone", **old)], CONDUCT))
    assert [(piece.account_id, piece.kind) for piece in pieces] == [("gone", "throw-away-use")]


def test_accounts_that_were_never_seen_count_for_nothing() -> None:
    assert list(conduct_evidence([account("silent", events=0, first_us=None, last_us=None)], CONDUCT)) == []
