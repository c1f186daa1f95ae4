"""What an account itself shows of its cluster's goals settles how firmly it belongs, and lets in who links left out."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.belonging import Identifiers, settle_belonging
from stormwatch.attribution.cluster_evidence import HandedOn
from stormwatch.attribution.shared_goals import GoalScorer
from stormwatch.attribution.traits import Trait, TraitFamily
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.model.assessment import BENIGN, UNKNOWN_ACTOR, Assessment, Confidence, Hypothesis, HypothesisKind
from stormwatch.model.evidence import Belonging
from stormwatch.storage.duckdb_engine import DuckDBEngine

SETTINGS = load_base_rates(5).cluster.shared_goals
PERSONAS = Trait(TraitFamily.TECHNIQUE, "LLM-22")
POPULATION = 10_000
MEMBERS = tuple(f"member-{n}" for n in range(6))
_TEXT = pa.string()
EXIT, DOMAIN = ("address", "198.51.100.9"), ("mail-domain", "rare.example")


class Ground:
    """A cluster whose members pursue one goal, and outsiders that share identifiers with it."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self.engine = engine
        self.identifiers: list[tuple[str, str, str]] = []
        self.showing: set[str] = set(MEMBERS[:4])
        self.organisations: dict[str, str] = {}
        self.victims: list[str] = []

    def share(self, identifier: tuple[str, str], *accounts: str) -> None:
        self.identifiers += [(*identifier, account) for account in accounts]

    def settle(self, *, risk: float = 0.95, membership: float = 0.65, program: HandedOn | None = None,
               ) -> dict[str, Belonging]:  # fmt: skip
        by_value: dict[tuple[str, str], int] = {}
        for kind, value, _ in self.identifiers:
            by_value[kind, value] = by_value.get((kind, value), 0) + 1
        self.lay("identifiers", ("kind", "value", "account_id"), self.identifiers)
        values = [(kind, value, accounts) for (kind, value), accounts in by_value.items()]
        self.lay("shared_values", ("kind", "value", "accounts"), values, last=pa.int64())
        self.lay("organisations", ("account_id", "org_id"), list(self.organisations.items()))
        self.lay("victims", ("account_id",), [(account,) for account in self.victims])
        traits = {account: {PERSONAS: 1} for account in self.showing} | {f"o-{n}": {PERSONAS: 1} for n in range(40)}
        scorer = GoalScorer(traits, dict.fromkeys([*MEMBERS, *(f"o-{n}" for n in range(POPULATION))], 30), SETTINGS)
        found = settle_belonging(
            self.engine,
            [assessment(risk)],
            dict.fromkeys(MEMBERS, membership),
            scorer,
            {"cluster": program} if program else {},
            Identifiers(load_comparisons(), POPULATION, lambda kind, value: ()),
        )
        return {one.account_id: one for one in found}

    def lay(self, name: str, columns: tuple[str, ...], rows: list[tuple[object, ...]], last: pa.DataType = _TEXT,
            ) -> None:  # fmt: skip
        types = [*(_TEXT for _ in columns[1:]), last]
        schema = pa.schema(list(zip(columns, types, strict=True)))
        table = [dict(zip(columns, row, strict=True)) for row in rows]
        self.engine.register(name, pa.Table.from_pylist(table, schema=schema))


def assessment(risk: float) -> Assessment:
    found = (
        Hypothesis(UNKNOWN_ACTOR, HypothesisKind.RESIDUAL, risk),
        Hypothesis(BENIGN, HypothesisKind.RESIDUAL, 1 - risk),
    )
    return Assessment("cluster", MEMBERS, found, "likely", Confidence.LOW, "simulated worlds", None)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    engine = DuckDBEngine(tmp_path / "spill")
    yield Ground(engine)
    engine.close()


def test_who_shows_the_goal_of_the_others_belongs_more_firmly_and_who_does_not_less(ground: Ground) -> None:
    found = ground.settle(membership=0.65)
    assert found[MEMBERS[0]].probability > 0.85
    assert found[MEMBERS[5]].probability < 0.65


def test_in_a_cluster_that_is_hardly_an_operators_nothing_is_settled(ground: Ground) -> None:
    assert ground.settle(risk=0.05) == {}
    settled = ground.settle(risk=0.2)[MEMBERS[0]].probability
    assert 0.65 < settled < ground.settle(risk=0.95)[MEMBERS[0]].probability


def test_an_outsider_who_shares_rare_things_and_the_goal_joins_and_a_link_says_why(ground: Ground) -> None:
    ground.share(EXIT, *MEMBERS[:4], "late", *(f"o-{n}" for n in range(60, 140)))
    ground.share(DOMAIN, MEMBERS[0], "late")
    ground.showing.add("late")
    joined = ground.settle()["late"]
    assert joined.cluster_id == "cluster"
    assert joined.link is not None
    assert joined.link.probability == joined.probability > 0.5
    kinds = [part.identifier_kind for part in joined.link.evidence]
    assert kinds == ["mail-domain", "address", "shared-goal"]
    assert all(part.innocent_explanation for part in joined.link.evidence)
    assert {joined.link.account_id_a, joined.link.account_id_b} == {"late", MEMBERS[0]}


@pytest.mark.parametrize("lacking", ["the goal", "a value of two members", "a second value"])
def test_an_outsider_who_lacks_one_of_these_does_not(ground: Ground, lacking: str) -> None:
    ground.share(
        EXIT, *MEMBERS[: 1 if lacking == "a value of two members" else 4], "late", *(f"o-{n}" for n in range(60, 140))
    )
    if lacking != "a second value":
        ground.share(DOMAIN, MEMBERS[0], "late")
    if lacking != "the goal":
        ground.showing.add("late")
    assert "late" not in ground.settle()


def test_accounts_of_a_declared_organisation_and_victims_do_not_join(ground: Ground) -> None:
    ground.share(EXIT, *MEMBERS[:4], "employee", "victim", *(f"o-{n}" for n in range(60, 140)))
    ground.share(DOMAIN, MEMBERS[0], "employee", "victim")
    ground.showing |= {"employee", "victim"}
    ground.organisations["employee"] = "firm"
    ground.victims.append("victim")
    assert set(ground.settle()) == set(MEMBERS)


def test_who_takes_no_turn_at_the_program_that_the_others_hand_on_may_be_a_stranger(ground: Ground) -> None:
    ground.showing = set()
    program = HandedOn(MEMBERS[:5], versions=9, event_time_us=1)
    found = ground.settle(membership=0.65, program=program)
    assert found[MEMBERS[5]].probability < 0.5 < found[MEMBERS[0]].probability
