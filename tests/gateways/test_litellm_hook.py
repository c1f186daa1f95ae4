"""The hook's own promises: choices are made, answers age, questions are shared. LiteLLM's base class is a double."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import HTTPException

FILE = Path(__file__).parents[2] / "examples" / "litellm" / "stormwatch_hook.py"
CHOSEN = {
    "STORMWATCH_GATE_WHEN_AWAY": "open",
    "STORMWATCH_GATE_URL": "http://127.0.0.1:1",
    "STORMWATCH_GATE_TOKEN": "t",
}


def _load() -> Any:
    """Runs the file as LiteLLM does: without entering it among the modules."""
    spec = importlib.util.spec_from_file_location("stormwatch_hook", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    base = ModuleType("litellm.integrations.custom_logger")
    base.CustomLogger = type("CustomLogger", (), {})  # type: ignore[attr-defined]
    for name in ("litellm", "litellm.integrations"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "litellm.integrations.custom_logger", base)
    for name, value in CHOSEN.items():
        monkeypatch.setenv(name, value)
    return _load()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WHEN_AWAY", None, "must be `open`"),
        ("WHEN_AWAY", "maybe", "must be `open`"),
        ("URL", None, "must be the address"),
        ("URL", "127.0.0.1:8787", "must be the address"),
        ("TOKEN", " ", "must give a token"),
        ("TOKEN_FILE", "nowhere", "cannot be read"),
        ("CACHE_SECONDS", "-1", "at least 0"),
        ("CACHE_SECONDS", "nan", "at least 0"),
        ("CACHE_ACCOUNTS", "none", "at least 1"),
        ("TIMEOUT_SECONDS", "0", "at least 0.01"),
    ],
)
def test_a_choice_that_is_missing_or_wrong_keeps_litellm_from_starting(
    hook: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    if value is None:
        monkeypatch.delenv(f"STORMWATCH_GATE_{name}")
    else:
        monkeypatch.setenv(f"STORMWATCH_GATE_{name}", value)
    with pytest.raises(RuntimeError, match=said):
        _load()


def test_the_token_may_lie_in_a_file(hook: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    variables = {**CHOSEN, "STORMWATCH_GATE_TOKEN_FILE": str(tmp_path / "token")}
    assert hook.Configuration.from_environment(variables).token == "from-a-file"


@pytest.mark.parametrize(
    ("authenticated", "account"),
    [
        ({"user_id": "u-7", "api_key": "h", "team_id": "t"}, "u-7"),
        ({"user_id": "default_user_id", "api_key": "h", "team_id": "t"}, "key:h"),
        ({"user_id": None, "api_key": None, "team_id": "t"}, "team:t"),
        ({"user_id": None, "api_key": None, "team_id": None}, None),
        ({"end_user_id": "asserted by the caller"}, None),
    ],
)
def test_the_account_is_the_one_that_the_reader_of_the_events_names(
    hook: Any, authenticated: dict[str, str | None], account: str | None
) -> None:
    assert hook.account_of(SimpleNamespace(**authenticated)) == account


@dataclass
class Desk:
    """Stormwatch as a double: answers as told, counts questions; time stands until it is moved."""

    hook: Any
    state: str = "allow"
    status: int = 200
    body: Any = None
    questions: list[str] = field(default_factory=list)
    now: float = 0.0
    delay: float = 0.0

    def decisions(self, **settings: float) -> Any:
        configuration = self.hook.Configuration("http://127.0.0.1:1", "t", "open", **settings)
        found = self.hook.Decisions(configuration, clock=lambda: self.now)
        found._client = httpx.AsyncClient(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(self._answer))
        return found

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(request.url.params["account"])
        await asyncio.sleep(self.delay)
        body = {"state": self.state, "reason_code": "fraud", "appeal_url": "https://operator.example/appeal"}
        return httpx.Response(self.status, json=body if self.body is None else self.body)


@pytest.fixture
def desk(hook: Any) -> Desk:
    return Desk(hook)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await work()

    asyncio.run(whole())


def test_no_answer_is_used_beyond_its_age(desk: Desk) -> None:
    async def work() -> None:
        decisions = desk.decisions(cache_seconds=2.0)
        assert (await decisions.of("a")).state == "allow"
        desk.state = "suspended"
        desk.now = 1.999
        assert (await decisions.of("a")).state == "allow"
        desk.now = 2.0
        assert (await decisions.of("a")).state == "suspended"
        desk.state = "allow"
        desk.now = 4.0
        assert (await decisions.of("a")).state == "allow"
        assert desk.questions == ["a"] * 3

    run(work)


def test_without_a_cache_every_request_asks(desk: Desk) -> None:
    async def work() -> None:
        decisions = desk.decisions(cache_seconds=0.0)
        for _ in range(3):
            await decisions.of("a")
        assert desk.questions == ["a"] * 3

    run(work)


def test_the_cache_holds_no_more_accounts_than_allowed(desk: Desk) -> None:
    async def work() -> None:
        decisions = desk.decisions(cache_accounts=2)
        for account in ("a", "b", "c", "b", "a"):
            await decisions.of(account)
        assert desk.questions == ["a", "b", "c", "a"]

    run(work)


def test_requests_of_one_account_that_come_together_ask_once(desk: Desk) -> None:
    desk.delay = 0.01

    async def work() -> None:
        decisions = desk.decisions()
        answers = await asyncio.gather(*(decisions.of(account) for account in ["a"] * 50 + ["b"] * 50))
        assert {answer.state for answer in answers} == {"allow"}
        assert sorted(desk.questions) == ["a", "b"]

    run(work)


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, None), (403, None), (500, None), (302, None), (200, {}), (200, {"state": "banned"}), (200, ["allow"])],
)
def test_what_is_no_decision_counts_as_away_and_is_not_asked_again_at_once(
    desk: Desk, status: int, body: object
) -> None:
    desk.status, desk.body = status, body

    async def work() -> None:
        decisions = desk.decisions(timeout_seconds=0.5)
        assert (await decisions.of("a")).state is None
        assert (await decisions.of("b")).state is None
        assert desk.questions == ["a"]
        desk.status, desk.body, desk.now = 200, None, 0.5
        assert (await decisions.of("b")).state == "allow"

    run(work)


def test_a_silent_stormwatch_is_waited_for_no_longer_than_allowed(desk: Desk) -> None:
    desk.delay = 60.0

    async def work() -> None:
        async with asyncio.timeout(30):
            assert (await desk.decisions(timeout_seconds=0.05).of("a")).state is None

    run(work)


def test_a_limited_account_gets_its_share_of_every_minute(hook: Any) -> None:
    now = [0.0]
    pace = hook.Pace(2, 10, clock=lambda: now[0])
    assert [pace.wait("a"), pace.wait("a"), pace.wait("b")] == [0.0, 0.0, 0.0]
    now[0] = 15.0
    assert pace.wait("a") == 45.0
    now[0] = 60.0
    assert pace.wait("a") == 0.0


@pytest.mark.parametrize(
    ("choice", "state", "status"),
    [("open", None, None), ("closed", None, 503), ("open", "suspended", 403), ("closed", "allow", None)],
)
def test_what_a_caller_gets(desk: Desk, choice: str, state: str | None, status: int | None) -> None:
    desk.status, desk.state = (500, "") if state is None else (200, state)

    async def work() -> None:
        gate = desk.hook.StormwatchGate(desk.hook.Configuration("http://127.0.0.1:1", "t", choice))
        gate._decisions = desk.decisions()
        asked = gate.async_pre_call_hook(SimpleNamespace(user_id="a"), None, {"model": "m"}, "completion")
        if status is None:
            assert await asked == {"model": "m"}
        else:
            with pytest.raises(HTTPException) as raised:
                await asked
            assert raised.value.status_code == status

    run(work)


@pytest.mark.parametrize(("choice", "status"), [("open", None), ("closed", 503)])
def test_who_was_not_authenticated_follows_the_choice_too(hook: Any, choice: str, status: int | None) -> None:
    async def work() -> None:
        gate = hook.StormwatchGate(hook.Configuration("http://127.0.0.1:1", "t", choice))
        asked = gate.async_pre_call_hook(SimpleNamespace(user_id=None), None, {}, "completion")
        if status is None:
            assert await asked == {}
        else:
            with pytest.raises(HTTPException, match="decision_unavailable"):
                await asked

    run(work)
