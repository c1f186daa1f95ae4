"""A running server ends embargoes and actions by itself, and delivers what each asks for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from acting import acted
from review_floor import Floor
from serving import served
from stormwatch.actions.decisions import decide
from stormwatch.actions.outbox import waiting_orders
from stormwatch.model.case import DecisionState
from stormwatch.model.times import SECOND, now_us


@pytest.mark.long
def test_a_server_ends_an_embargo_and_an_action(floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMWATCH_DELIVERY_INTERVAL_SECONDS", "0.1")
    runtime = floor.runtime
    acted(floor, account_ids=["a"], not_before_us=now_us() + SECOND)
    acted(floor, account_ids=["b"], until_us=now_us() + SECOND)

    def done() -> bool:
        kinds = {entry.kind for entry in runtime.ledger.entries()}
        return {"action.released", "action.expired"} <= kinds and waiting_orders(runtime.database) == 0

    with served(runtime.settings.home, tmp_path / "log") as server:
        until = time.monotonic() + 60
        while not done():
            assert server.process.poll() is None
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
    assert decide(runtime.database, "a").state is DecisionState.SUSPENDED
    assert decide(runtime.database, "b").state is DecisionState.ALLOW
    assert runtime.ledger.verify().ok
