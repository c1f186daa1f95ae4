"""The same promises where several people act at the same moment, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from review_floor import MOMENT, Floor
from stormwatch.actions.decisions import all_decisions, decide
from stormwatch.actions.delivery import deliver
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.reversal import reverse
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.cases.opening import open_cases
from stormwatch.model.case import ActionKind, DecisionState
from stormwatch.model.errors import StormwatchError


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """A floor with a reviewed case, its database on either engine."""
    if request.param == "postgresql":
        monkeypatch.setenv("STORMWATCH_DATABASE_URL", str(request.getfixturevalue("postgresql_url")))
    floor = request.getfixturevalue("floor")
    assert isinstance(floor, Floor)
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    floor.reviewed_case()
    return floor


def _at_once(deed: Callable[[], object], times: int = 4) -> list[str]:
    def outcome() -> str:
        try:
            deed()
        except StormwatchError as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(times) as pool:
        return sorted(future.result() for future in [pool.submit(outcome) for _ in range(times)])


def test_of_many_deeds_at_the_same_moment_one_counts(anywhere: Floor) -> None:
    floor, runtime = anywhere, anywhere.runtime
    stores, case_id = (runtime.database, runtime.ledger, runtime.lake), anywhere.case().case_id
    kind = ActionKind.SUSPEND
    proposed = _at_once(lambda: propose(*stores, floor.analyst, case_id, kind, "fraud"))
    assert proposed == ["Conflict"] * 3 + ["done"]
    (entry,) = runtime.ledger.entries(kind="action.proposed")
    proposal_id, shown = str(entry.body["proposal"]), str(entry.body["evidence_hash"])
    assert _at_once(lambda: approve(*stores, floor.approver, proposal_id, shown)) == ["Conflict"] * 3 + ["done"]
    assert len(all_decisions(runtime.database)) == len(list_actions(runtime.database)) == 2

    gateway = decision_endpoint(runtime.database, runtime.settings)
    assert _at_once(lambda: deliver(runtime.database, runtime.ledger, [gateway])) == ["done"] * 4
    assert len(list(runtime.ledger.entries(kind="action.verified"))) == 2
    ids = [action.action_id for action in list_actions(runtime.database)]
    undone = _at_once(lambda: reverse(runtime.database, runtime.ledger, floor.approver, ids, "a class"))
    assert undone == ["Conflict"] * 3 + ["done"]
    assert decide(runtime.database, "a").state is DecisionState.ALLOW
    assert runtime.ledger.verify().ok


def test_hunts_at_the_same_moment_open_one_case(anywhere: Floor) -> None:
    floor = anywhere
    floor.suspect("lonely", ["lonely"])
    floor.write()
    runtime = floor.runtime
    stores = (runtime.database, runtime.ledger, runtime.lake)
    assert _at_once(lambda: open_cases(*stores, 0.5, MOMENT)) == ["done"] * 4
    assert len(list(runtime.ledger.entries(kind="case.opened"))) == 2


def test_an_id_that_no_database_stores_is_an_account_nobody_acted_on(anywhere: Floor) -> None:
    assert decide(anywhere.runtime.database, "a\x00b").state is DecisionState.ALLOW
