"""A match with an indicator weighs by how far the source is believed and who else is behind the address."""

from stormwatch.accounts.hits import Hit, hit_evidence
from stormwatch.accounts.odds import log2_odds, probability_of
from stormwatch.accounts.weights import load_weights
from stormwatch.model.detection import DetectionKind
from stormwatch.model.evidence import Evidence
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind

WEIGHTS = load_weights().indicators
PRIOR = 0.001


def hit(account: str, *, confidence: int | None = 90, kind: DetectionKind = DetectionKind.INDICATOR, time_us: int = 5,
        value: str = "203.0.113.9", actors: tuple[str, ...] = (), lead: str | None = "lead-1") -> Hit:  # fmt: skip
    observable = Observable(ObservableKind.IPV4, value)
    indicator = Indicator(f"indicator-{value}", observable, 0, 10, confidence, actors, lead_id=lead)
    return Hit(account, indicator, kind, "ipv4-addr", value, time_us, ("e1",))


def weigh(*hits: Hit, listed: tuple[str, ...] = ()) -> list[Evidence]:
    return list(
        hit_evidence(
            hits, WEIGHTS, prior=PRIOR, population=1000,
            shared_names=lambda _kind, _value: listed,
            actors_named=lambda name: {"APT28": ("forest-blizzard",), "X": ("a", "b")}.get(name, ()),
        )
    )  # fmt: skip


def alone(piece: Evidence) -> float:
    return probability_of(log2_odds(PRIOR) + piece.weight_bits)


def test_a_graded_lead_on_an_address_of_one_account_is_believed_as_far_as_its_source() -> None:
    assert 0.5 < alone(weigh(hit("a"))[0]) < 0.9


def test_an_address_that_many_accounts_use_convicts_none_of_them() -> None:
    pieces = weigh(*(hit(f"account-{number}") for number in range(40)))
    assert all(alone(piece) < 0.1 for piece in pieces)


def test_shared_infrastructure_discounts_and_says_so() -> None:
    piece = weigh(hit("a"), listed=("Example VPN ranges",))[0]
    assert alone(piece) < 0.1
    assert "Example VPN ranges" in piece.summary


def test_a_stale_indicator_is_kept_and_weighs_less() -> None:
    stale, fresh = weigh(hit("a", time_us=50))[0], weigh(hit("a"))[0]
    assert 0 < stale.weight_bits < fresh.weight_bits
    assert "outside the time" in stale.summary


def test_pasting_indicators_of_many_actors_marks_a_collector() -> None:
    one = weigh(hit("a", kind=DetectionKind.ARTEFACT, actors=("APT28",)))[0]
    many = weigh(
        *(hit("a", kind=DetectionKind.ARTEFACT, value=f"198.51.100.{n}", actors=(f"actor-{n}",)) for n in range(4))
    )
    assert max(piece.weight_bits for piece in many) < one.weight_bits


def test_names_are_resolved_and_ambiguous_names_keep_all_their_meanings() -> None:
    assert weigh(hit("a", actors=("APT28",)))[0].actors == ("forest-blizzard",)
    assert weigh(hit("a", actors=("X",)))[0].actors == ("a", "b")


def test_a_source_that_states_no_confidence_is_not_believed_much() -> None:
    assert alone(weigh(hit("a", confidence=None))[0]) < 0.35


def test_a_feed_alone_never_brings_an_account_to_even_odds() -> None:
    assert alone(weigh(hit("a", lead=None, confidence=100))[0]) < 0.5


def test_a_feeds_matches_of_crowded_addresses_weigh_no_more_than_their_rarity_allows() -> None:
    def crowd(addresses: int, lead: str | None) -> float:
        hits = [hit(f"a-{at}-{n}", value=f"198.51.100.{at}", confidence=100, lead=lead)
                for at in range(addresses) for n in range(4)]  # fmt: skip
        return max(piece.weight_bits for piece in weigh(*hits))

    assert crowd(40, None) < 2.5 < crowd(1, None)
    assert crowd(40, "lead-1") == crowd(1, "lead-1") > 8
