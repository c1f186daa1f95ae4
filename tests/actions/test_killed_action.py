"""kill -9 at every step of an action: the gateway ends as the ledger says, nothing is done twice, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, update

from http_gateway import GatewayDouble, HttpGateway, running_gateway
from review_floor import Floor
from stormwatch.actions.delivery import Effort
from stormwatch.actions.execution import list_actions
from stormwatch.actions.outbox import waiting_orders
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.round import go_round
from stormwatch.model.case import ActionKind
from stormwatch.model.times import HOUR, now_us
from stormwatch.runtime import Runtime, open_runtime
from stormwatch.storage.tables.actions import actions, decisions, proposals

PROGRAM = Path(__file__).parents[1] / "killed_action.py"
MOST_STEPS = 60


@dataclass
class Forker:
    """The process that forks those that die."""

    process: subprocess.Popen[str]
    gateway: GatewayDouble
    key: str
    token: str

    def run(self, home: Path, deed: str, die_at: int = 0, times: int = 1) -> list[dict[str, Any]]:
        task = {
            "home": str(home),
            "key": self.key,
            "url": self.gateway.url(home.name),
            "deed": deed,
            "token": self.token,
            "die_at": die_at,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([task] * times) + "\n")
        self.process.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def forking() -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parent)}
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    yield process
    process.communicate(timeout=60)


@pytest.fixture
def forker(floor: Floor, forking: subprocess.Popen[str]) -> Iterator[Forker]:
    with running_gateway() as gateway:
        yield Forker(forking, gateway, str(floor.runtime.settings.key_path), floor.tokens["bea"])


def proposed(floor: Floor, account_ids: list[str], **terms: int) -> None:
    floor.suspect("cluster-1" if len(account_ids) > 1 else account_ids[0], account_ids)
    floor.hunt()
    runtime, case_id = floor.runtime, floor.reviewed_case().case_id
    propose(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        floor.analyst,
        case_id,
        ActionKind.SUSPEND,
        "fraud",
        **terms,
    )


def approved(floor: Floor, **terms: int) -> None:
    proposed(floor, ["a"], **terms)
    runtime = floor.runtime
    (entry,) = runtime.ledger.entries(kind="action.proposed")
    approve(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        floor.approver,
        str(entry.body["proposal"]),
        str(entry.body["evidence_hash"]),
    )


def delivered(floor: Floor, url: str) -> None:
    runtime = floor.runtime
    go_round(runtime.database, runtime.ledger, runtime.lake, [HttpGateway(url)], Effort())


def time_passes(floor: Floor, column: str, *tables: Table) -> None:
    """As if the moment in `column` had come."""
    with floor.runtime.database.write() as connection:
        for table in tables:
            connection.execute(update(table).values({column: now_us() - 1}))


def said_by_ledger(runtime: Runtime, account_id: str) -> str:
    state = "allow"
    for entry in runtime.ledger.entries():
        body = entry.body
        accounts = [body.get("account"), *(body.get("accounts") or [])]  # type: ignore[misc]
        if account_id not in accounts:
            continue
        if entry.kind == "action.released" or (entry.kind == "action.approved" and body["not_before_us"] is None):
            state = "suspended"
        elif entry.kind in {"action.reversed", "action.expired"}:
            state = "allow"
    return state


def check_after_restart(home: Path, gateway: GatewayDouble, seeded: dict[str, str], where: str) -> bool:
    """Restarts in the home, lets the outbox be carried, and holds the gateway against the ledger.

    Gives whether the deed had got as far as the ledger before the process died.
    """
    runtime, kept = open_runtime(home), gateway.kept(home.name)
    try:
        url = gateway.url(home.name)
        go_round(runtime.database, runtime.ledger, runtime.lake, [HttpGateway(url)], Effort(all_waiting=True))
        assert waiting_orders(runtime.database) == 0, where
        for account_id in {"a", *seeded, *kept.states}:
            wanted = said_by_ledger(runtime, account_id)
            assert kept.states.get(account_id, "allow") == wanted, where
            changes = [] if wanted == seeded.get(account_id, "allow") else [wanted]
            assert kept.effects_on(account_id) == changes, where
        keys = Counter(str(entry.body["key"]) for entry in runtime.ledger.entries(kind="action.verified"))
        assert set(keys.values()) <= {1}, where
        assert {key for key, _, _ in kept.effects} <= set(keys), where
        for action in list_actions(runtime.database):
            assert action.verified_us is not None, where
        assert runtime.ledger.verify().ok, where
        return any(kept.effects)
    finally:
        runtime.close()


def die_everywhere(floor: Floor, forker: Forker, tmp_path: Path, deed: str) -> list[str]:
    """Does the deed again and again from the same beginning, killed one step later each time; gives all its steps."""
    floor.runtime.close()
    template = floor.runtime.settings.home
    seeded = dict(forker.gateway.kept(template.name).states)
    for die_at in range(1, MOST_STEPS):
        home = tmp_path / f"{deed}-{die_at}"
        shutil.copytree(template, home)
        forker.gateway.kept(home.name).states.update(seeded)
        (ended,) = forker.run(home, deed, die_at)
        if ended["code"] == 0:
            assert check_after_restart(home, forker.gateway, seeded, "alive")
            return list(ended["steps"])
        assert ended["code"] == -9, ended
        where = f"step {die_at}: {ended['steps'][-1]}"
        done = check_after_restart(home, forker.gateway, seeded, where)
        if not done:  # nothing had happened yet, so whoever did it does it again
            assert forker.run(home, deed)[0]["code"] == 0, where
            assert check_after_restart(home, forker.gateway, seeded, where), where
        shutil.rmtree(home)
    raise AssertionError("the deed never came to its end")


EACH_ORDER = [
    "before a commit",  # what is about to be asked
    "after a commit",
    "before the call",
    "in the call",
    "after the call",
    "before a commit",  # the receipt
    "after a commit",
    "before the probe",
    "after the probe",
    "before a commit",  # verified
    "after a commit",
    "before a commit",  # the order closed
    "after a commit",
]
THE_DEED = ["before a commit", "after a commit"]


def test_an_approval_of_two_accounts(floor: Floor, forker: Forker, tmp_path: Path) -> None:
    proposed(floor, ["a", "b"])
    assert die_everywhere(floor, forker, tmp_path, "approve") == [*THE_DEED, *EACH_ORDER, *EACH_ORDER]


def test_a_reversal(floor: Floor, forker: Forker, tmp_path: Path) -> None:
    approved(floor)
    delivered(floor, forker.gateway.url(floor.runtime.settings.home.name))
    assert die_everywhere(floor, forker, tmp_path, "reverse") == [*THE_DEED, *EACH_ORDER]


def test_the_end_of_an_action(floor: Floor, forker: Forker, tmp_path: Path) -> None:
    approved(floor, until_us=now_us() + HOUR)
    delivered(floor, forker.gateway.url(floor.runtime.settings.home.name))
    time_passes(floor, "until_us", actions, decisions)
    assert die_everywhere(floor, forker, tmp_path, "wait") == [*THE_DEED, *EACH_ORDER]


def test_the_end_of_an_embargo(floor: Floor, forker: Forker, tmp_path: Path) -> None:
    approved(floor, not_before_us=now_us() + HOUR)
    delivered(floor, forker.gateway.url(floor.runtime.settings.home.name))
    assert forker.gateway.kept(floor.runtime.settings.home.name).calls == []
    time_passes(floor, "not_before_us", proposals)
    assert die_everywhere(floor, forker, tmp_path, "wait") == [*THE_DEED, *EACH_ORDER]


def test_of_processes_that_deliver_at_once_one_calls(floor: Floor, forker: Forker, tmp_path: Path) -> None:
    proposed(floor, ["a", "b", "c"])
    home = floor.runtime.settings.home
    (entry,) = floor.runtime.ledger.entries(kind="action.proposed")
    stores = (floor.runtime.database, floor.runtime.ledger, floor.runtime.lake)
    approve(*stores, floor.approver, str(entry.body["proposal"]), str(entry.body["evidence_hash"]))
    floor.runtime.close()
    assert [ended["code"] for ended in forker.run(home, "wait", times=4)] == [0] * 4
    kept = forker.gateway.kept(home.name)
    assert sorted(Counter(kept.calls).values()) == [1, 1, 1]
    assert kept.states == dict.fromkeys("abc", "suspended")
