"""What a cluster shows as a whole weighs by how usual it is here."""

import pytest

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.cluster_evidence import Subject, Surroundings, cluster_evidence, leading_pieces
from stormwatch.attribution.organisations import common_domain
from stormwatch.attribution.traits import Trait, TraitFamily
from stormwatch.model.evidence import Evidence

FEATURES = load_base_rates(5).cluster
PHISHING = Trait(TraitFamily.TECHNIQUE, "LLM-04")


def pairs(count: int) -> list[Subject]:
    return [Subject(f"cluster-{n}", (f"{n}-a", f"{n}-b")) for n in range(count)]


def evidence(clusters: list[Subject], traits: dict[str, dict[Trait, int]], banned: frozenset[str] = frozenset(),
             population: int = 2000, organisations: dict[str, str] | None = None,
             shared_code: dict[str, list[str]] | None = None,
             ) -> dict[str, dict[str, Evidence]]:  # fmt: skip
    members = [account for cluster in clusters for account in cluster.account_ids]
    others = [f"other-{number}" for number in range(population - len(members))]
    around = Surroundings(
        requests=dict.fromkeys([*members, *others], 10),
        first_event_us=dict.fromkeys(members, 7),
        banned=banned,
        organisations=organisations or {},
        shared_code=shared_code or {},
    )
    found = cluster_evidence(clusters, traits, FEATURES, around)
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
    school = {"cluster-0": "school.example"}
    found = evidence(pairs(200), shared, frozenset({"0-a"}), organisations=school, shared_code=code)["cluster-0"]
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
