"""An auditor reads everything here but what people asked, and changes nothing; nobody but reviewers opens texts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import stormwatch
from command_line import stormwatch as command
from console_world import ADDRESS, GROUP, World, signed_in
from knowledge_making import SHIPPED_RULE, add_lineage, engineer
from stormwatch.cases.harden import harden
from stormwatch.cases.queue import list_cases
from stormwatch.cases.reveal import reveal
from stormwatch.console import backtest_jobs
from stormwatch.console.app import _PAGES
from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

# Words of every prompt and answer of the world, and of nothing else.
SAID = ("stack trace", "Translate this letter", "Ignore all previous", "Here is how", "/etc")
OTHERS = [role for role in Role if role not in (Role.ANALYST, Role.APPROVER)]
SOURCE = Path(stormwatch.__file__).parent


@pytest.fixture
def case_id(world: World) -> str:
    return list_cases(world.runtime.database)[0].case_id


def pages(world: World, case_id: str) -> Iterator[str]:
    yield from ("/", "/?state=all", "/you", "/people", "/audit", "/leads", f"/leads/{world.lead.lead_id}", "/account")
    yield from ("/appeals", "/appeals?state=all", "/notices")
    yield from (f"/cases/{case.case_id}" for case in list_cases(world.runtime.database))
    yield from (f"/account?id={account}" for account in GROUP)
    yield f"/cases/{case_id}?account={GROUP[0]}"
    yield from (f"/cases/{case_id}/similar", f"/cases/{case_id}/news", "/queue/news", "/queue/rows?state=all")
    yield f"/cases/{case_id}/proposal?kind=suspend&reason_code=state-affiliated-misuse"
    yield f"/cases/{case_id}/plan"
    yield "/outbox"
    yield from ("/rules", "/rules?fired=yes", "/rules/scripting-debug", f"/rules/{SHIPPED_RULE}", "/backtests")
    yield from (
        "/actors",
        "/actors/named?name=Charcoal+Typhoon",
        "/actors/charcoal-typhoon",
        f"/cases/{case_id}/lineage",
    )
    yield f"/observable?value={ADDRESS}"
    yield "/observable?kind=rule&value=scripting-debug"


def test_an_auditor_sees_every_page_and_no_text(
    app: FastAPI, world: World, case_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_lineage(world)
    backtest = a_backtest(app, world, monkeypatch)
    ana = world.runtime.access.authenticate(world.tokens["ana"])
    reveal(
        *stores(world.runtime), ana, case_id, ["ev_000", "ev_002"], "to see what was asked"
    )  # it shows nowhere after
    auditor = signed_in(app, world, "audrey")
    routes = [route for module in _PAGES for route in module.router.routes if isinstance(route, APIRoute)]
    seen: set[str] = set()
    for address in (*pages(world, case_id), backtest, f"{backtest}/progress"):
        answer = auditor.get("/console" + address)
        assert answer.status_code == 200, address
        assert not [words for words in SAID if words in answer.text], address
        path = address.partition("?")[0]
        seen |= {route.path for route in routes if "GET" in route.methods and route.path_regex.match(path)}
    gets = {route.path for route in routes if "GET" in route.methods}
    unseen = {path for path in gets - seen if not path.startswith(("/login", "/welcome"))}
    assert not unseen, "a page that no line above opens"


def a_backtest(app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a backtest that a detection engineer asked for."""
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", "raise SystemExit(1)")
    eve = engineer(app, world)
    sent = {"rule": "title: bread", "reason": "to see", "since": "2026-02-01", "until": "2026-02-02"}
    answer = eve.post("/console/backtests", eve.get("/console/backtests").text, **sent)
    assert answer.status_code == 200
    return answer.url.path.removeprefix("/console")


def test_an_auditor_opens_nothing_and_changes_nothing(app: FastAPI, world: World, case_id: str) -> None:
    auditor = signed_in(app, world, "audrey")
    page = auditor.get(f"/console/cases/{case_id}").text
    assert 'name="event"' not in page
    before = world.runtime.ledger.checkpoint().size
    fields = {
        "event": "ev_000",
        "action": "action-1",
        "kind": "suspend",
        "reason_code": "state-affiliated-misuse",
        **dict.fromkeys(("reason", "text", "alternative", "evidence_hash", "code"), "curious"),
    }
    for deed in ("reveal", "claim", "note", "answer", "clear", "close", "propose", "reverse"):
        answer = auditor.post(f"/console/cases/{case_id}/{deed}", page, **fields)
        assert answer.status_code in {403, 409}, deed
        assert not [words for words in SAID if words in answer.text], deed
    for deed in ("requeue", "deliver"):
        assert auditor.post(f"/console/outbox/{deed}", page, order="1").status_code == 403, deed
    for deed in ("approve", "decline", "withdraw", "release"):
        answer = auditor.post(f"/console/cases/{case_id}/proposals/proposal-1/{deed}", page, **fields)
        assert answer.status_code == 403, deed
    assert world.runtime.ledger.checkpoint().size == before
    assert auditor.post("/console/audit/verify", page).status_code == 200


def stores(runtime: Runtime) -> tuple[object, ...]:
    return runtime.database, runtime.ledger, runtime.lake, runtime.keyring


@pytest.mark.parametrize("role", OTHERS)
def test_who_does_not_review_opens_no_text_by_any_way(world: World, case_id: str, role: Role, tmp_path: Path) -> None:
    runtime = world.runtime
    chief = runtime.access.authenticate(world.tokens["administrator"])
    token = runtime.access.add_person(chief, "curious", role)[1]
    curious = runtime.access.authenticate(token)
    before = [entry.kind for entry in runtime.ledger.entries()].count("text.revealed")
    with pytest.raises(Forbidden, match="analyst or approver"):
        reveal(*stores(runtime), curious, case_id, ["ev_000"], "curious")
    with pytest.raises(Forbidden, match="analyst or approver"):
        harden(*stores(runtime), curious, case_id, folder=tmp_path / "drafts", reason="curious")
    assert not (tmp_path / "drafts").exists()
    for arguments in (
        ("reveal", case_id, "--event", "ev_000", "--reason", "curious"),
        ("case", "harden", case_id, "--output", tmp_path / "drafts", "--reason", "curious"),
    ):
        called = command("--home", runtime.settings.home, *arguments, environment={"STORMWATCH_TOKEN": token})
        assert (called.returncode, called.stdout) == (1, "")
        assert not [words for words in SAID if words in called.stderr]
    assert [entry.kind for entry in runtime.ledger.entries()].count("text.revealed") == before


def test_texts_are_read_in_no_other_place() -> None:
    """Who adds a way to texts adds it here, and to the tests above when a person sees what it reads."""
    readers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "stormwatch.storage.texts"
        if {name.name for name in node.names} & {"read_rows", "read_segment", "unseal"}
    }
    machines = {
        "detections/history.py",
        "detections/segment_scanner.py",
        "events/span_amendment.py",
        "hunt/judging.py",
    }
    assert readers == machines | {"cases/reveal.py", "cases/harden.py"}
