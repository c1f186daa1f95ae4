"""What a cluster shows as a whole weighs by how usual it is here."""

import pytest

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.cluster_evidence import HandedOn, Subject, Surroundings, cluster_evidence, leading_pieces
from stormwatch.attribution.organisations import common_domain
from stormwatch.attribution.shared_goals import GoalScorer
from stormwatch.attribution.traits import Trait, TraitFamily
from stormwatch.model.evidence import Evidence

FEATURES = load_base_rates(5).cluster
PHISHING = Trait(TraitFamily.TECHNIQUE, "LLM-04")


def pairs(count: int) -> list[Subject]:
    return [Subject(f"cluster-{n}", (f"{n}-a", f"{n}-b")) for n in range(count)]


def evidence(clusters: list[Subject], traits: dict[str, dict[Trait, int]], banned: frozenset[str] = frozenset(),
             population: int = 2000, openly: dict[str, str] | None = None,
             shared_code: dict[str, list[str]] | None = None, handed_on: dict[str, HandedOn] | None = None,
             ) -> dict[str, dict[str, Evidence]]:  # fmt: skip
    members = [account for cluster in clusters for account in cluster.account_ids]
    others = [f"other-{number}" for number in range(population - len(members))]
    around = Surroundings(
        requests=dict.fromkeys([*members, *others], 10),
        first_event_us=dict.fromkeys(members, 7),
        banned=banned,
        openly_together=openly or {},
        shared_code=shared_code or {},
        handed_on=handed_on or {},
    )
    scorer = GoalScorer(traits, around.requests, FEATURES.shared_goals)
    found = cluster_evidence(clusters, traits, scorer, FEATURES, around)
    return {cluster: {piece.kind: piece for piece in pieces} for cluster, pieces in found.items()}


def test_a_technique_that_one_pair_alone_shares_weighs() -> None:
    found = evidence(pairs(200), {"0-a": {PHISHING: 3}, "0-b": {PHISHING: 9}, "5-a": {PHISHING: 1}})
    assert found["cluster-0"]["shared-technique"].weight_bits > 3
    assert found["cluster-0"]["shared-technique"].event_time_us == 9
    assert "shared-technique" not in found["cluster-5"]


def test_what_every_pair_shares_weighs_nothing() -> None:
    everywhere = {account: {PHISHING: 1} for cluster in pairs(200) for account in cluster.account_ids}
    found = evidence(pairs(200), everywhere, population=400)
    weights = [piece.weight_bits for pieces in found.values() for piece in pieces.values() if "shared" in piece.kind]
    assert weights == pytest.approx([0.0] * len(weights), abs=0.05)


def test_code_weighs_where_half_of_the_accounts_work_on_it() -> None:
    found = evidence(pairs(200), {}, shared_code={"cluster-4": ["4-a", "4-b"]})
    assert found["cluster-4"]["shared-code"].weight_bits > 3
    large = [Subject("large", tuple("abcdef")), *pairs(10)]
    assert "shared-code" not in evidence(large, {}, shared_code={"large": ["a", "b"]})["large"]


def test_a_program_that_goes_from_account_to_account_weighs_besides_the_code_itself() -> None:
    trio = [Subject("trio", ("x", "y", "z")), *pairs(200)]
    program = {"trio": HandedOn(("x", "y", "z"), versions=7, event_time_us=12)}
    found = evidence(trio, {}, shared_code={"trio": ["x", "y", "z"]}, handed_on=program)["trio"]
    assert found["program-handed-on"].weight_bits > 2
    assert found["program-handed-on"].event_time_us == 12
    assert found["program-handed-on"].group != found["shared-code"].group


def test_being_one_of_several_weighs_by_how_many_accounts_here_are() -> None:
    """Households that show themselves make it no commoner to hide."""
    six = Subject("six", tuple("abcdef"))
    weight = evidence([six, *pairs(100)], {})["six"]["hiding-as-several"].weight_bits
    assert weight > evidence([six, *pairs(100)], {})["cluster-0"]["hiding-as-several"].weight_bits > 0
    families = {f"cluster-{n}": "a home" for n in range(100)}
    rarer = evidence([six, *pairs(100)], {}, openly={name: families[name] for name in list(families)[:90]})
    assert rarer["cluster-99"]["hiding-as-several"].weight_bits > 1
    assert rarer["cluster-0"]["hiding-as-several"].weight_bits == 0


def test_return_after_a_ban_counts_for_those_who_are_left() -> None:
    found = evidence(pairs(100), {}, banned=frozenset({"3-a"}))
    assert found["cluster-3"]["return-after-ban"].weight_bits > 1
    assert "return-after-ban" not in found["cluster-4"]


def test_every_piece_carries_its_innocent_explanation_and_frequency() -> None:
    found = evidence(pairs(10), {"0-a": {PHISHING: 3}, "0-b": {PHISHING: 9}})
    pieces = [piece for of_cluster in found.values() for piece in of_cluster.values()]
    assert all(piece.innocent_explanation and 0 < piece.innocent_frequency <= 1 for piece in pieces)


def test_of_one_independence_group_the_strongest_piece_alone_counts() -> None:
    def piece(group: str, bits: float) -> Evidence:
        return Evidence("a", "k", group, bits, "s", "i", 0.1, 1)

    kept = list(leading_pieces([piece("conduct", 1.0), piece("conduct", 2.0), piece("indicators", 5.0)]))
    assert [(p.group, p.weight_bits) for p in kept] == [("indicators", 5.0), ("conduct", 2.0)]


def test_an_organisation_that_shows_itself_is_not_held_against_its_accounts() -> None:
    shared = {"0-a": {PHISHING: 3}, "0-b": {PHISHING: 9}}
    code = {"cluster-0": ["0-a", "0-b"]}
    school = {"cluster-0": "an organisation: school.example"}
    found = evidence(pairs(200), shared, frozenset({"0-a"}), openly=school, shared_code=code)["cluster-0"]
    assert found["shared-code"].weight_bits == 0
    assert found["shared-technique"].weight_bits == found["hiding-as-several"].weight_bits == 0
    assert "school.example" in found["shared-technique"].innocent_explanation
    assert found["return-after-ban"].weight_bits > 0


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        (["a.example"] * 4 + [None], "a.example"),
        (["a.example"] * 3 + ["b.example"], None),
        (["a.example", "a.example"], None),
        ([None, None, None], None),
    ],
)
def test_one_mail_domain_of_nearly_all_makes_an_organisation(domains: list[str | None], expected: str | None) -> None:
    assert common_domain(domains) == expected
