"""What gateways get from the decision process, and what they get while it knows nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from review_floor import Floor
from stormwatch.api.decision_process.decision_list import DecisionList
from stormwatch.api.decision_process.endpoint import Endpoint
from stormwatch.api.decision_process.following import Follower, Known
from stormwatch.api.decision_process.kept_state import KeptState
from stormwatch.api.decision_process.known_tokens import KnownTokens, read_tokens
from stormwatch.api.decision_process.snapshot import Snapshot
from stormwatch.api.decision_process.snapshot_writing import source_of, write_snapshot
from stormwatch.model.errors import StormwatchError
from stormwatch.model.principal import Scope
from stormwatch.model.times import SECOND, now_us

HEADER = "X-Stormwatch-Account"


class Desk:
    """An endpoint over a follower whose looks at the database the test calls for."""

    def __init__(self, floor: Floor, *, open_when_unknown: bool = False) -> None:
        runtime = floor.runtime
        self.runtime = runtime
        self.token = runtime.access.machine_token(floor.people["administrator"], "gateway", [Scope.DECIDE])
        self.ingest = runtime.access.machine_token(floor.people["administrator"], "collector", [Scope.INGEST])
        self.file = runtime.settings.home / "stormwatch.db"
        self.kept = KeptState(runtime.settings.home / "decisions")
        self.follower = Follower(runtime.settings.database, self.kept, runtime.settings.appeal_url, self._wake)
        self.endpoint = Endpoint(self.follower, open_when_unknown=open_when_unknown)
        self._loop: asyncio.AbstractEventLoop | None = None

    def know(self, read_us: int | None = None) -> None:
        """Reads the list as the follower does first, without the process that it starts for that."""
        source = source_of(self.runtime.settings.database)
        write_snapshot(self.runtime.database, self.kept.snapshot_file, source, self.runtime.settings.appeal_url)
        with self.runtime.database.read() as connection:
            tokens = KnownTokens(read_tokens(connection))
        decided = DecisionList(Snapshot(self.kept.snapshot_file))
        self.follower.known = Known(decided, tokens, now_us() if read_us is None else read_us)

    def change(self, statement: str, *values: object) -> None:
        database = sqlite3.connect(self.file)
        database.execute(statement, values)
        database.commit()
        database.close()

    def suspend(self, account: str, state: str = "suspended", until: int | None = None) -> None:
        self.change("INSERT INTO decisions VALUES (?, ?, ?, 'fraud', ?)", f"x-{account}", account, state, until)

    def ask(self, path: str, method: str = "GET", token: str | None = None, **headers: str) -> httpx.Response:
        return asyncio.run(self.asked(path, method, token, **headers))

    async def asked(self, path: str, method: str = "GET", token: str | None = None, **headers: str) -> httpx.Response:
        if self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            self.endpoint.wake()  # what is waited for belongs to one loop, and each question here has its own
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport: Any = httpx.ASGITransport(self.endpoint)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            named.setdefault("Authorization", f"Bearer {token or self.token}")
            return await client.request(method, path, headers=named)

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.endpoint.wake)


@pytest.fixture
def desk(floor: Floor) -> Desk:
    made = Desk(floor)
    made.suspend("bad")
    made.suspend("slow", "limit")
    made.know()
    return made


def test_the_three_states_and_the_age_of_the_list(desk: Desk) -> None:
    appeal = desk.runtime.settings.appeal_url
    refused = desk.ask("/v1/decision/auth", X_Stormwatch_Account="bad")
    assert refused.status_code == 403
    assert refused.json() == {"error": "account_suspended", "reason_code": "fraud", "appeal_url": appeal}
    assert (refused.headers["X-Stormwatch-Reason"], refused.headers["X-Stormwatch-Appeal"]) == ("fraud", appeal)
    assert (refused.headers["Cache-Control"], refused.headers["X-Stormwatch-Age"]) == ("no-store", "0")
    slowed = desk.ask("/v1/decision/auth", X_Stormwatch_Account="slow")
    assert (slowed.status_code, slowed.headers["X-Stormwatch-State"], slowed.content) == (204, "limit", b"")
    assert desk.ask("/v1/decision/auth", X_Stormwatch_Account="good").status_code == 204
    found = desk.ask("/v1/decision?account=bad&org=o&end_user=u&key=k").json()
    assert found == {"state": "suspended", "reason_code": "fraud", "appeal_url": appeal, "until": None}
    assert desk.ask("/v1/decision?account=good").json()["state"] == "allow"


def test_envoy_appends_the_client_s_path_keeps_its_method_and_takes_200_alone_for_a_yes(desk: Desk) -> None:
    path = "/v1/decision/ext-authz/v1/chat/completions?x=1"
    assert desk.ask(path, "POST", X_Stormwatch_Account="good").status_code == 200
    assert desk.ask(path, "POST", X_Stormwatch_Account="bad").status_code == 403


def test_a_gateway_that_cannot_write_authorization_uses_a_header_of_ours(desk: Desk) -> None:
    def ask(token: str) -> int:
        headers = {"X_Stormwatch_Account": "good", "X_Stormwatch_Token": token, "Authorization": "Bearer sk-client"}
        return desk.ask("/v1/decision/auth", **headers).status_code

    assert [ask(desk.token), ask("wrong"), ask(desk.ingest)] == [204, 401, 401]


@pytest.mark.parametrize(
    "path", ["/v1/decision/auth", "/v1/decision/ext-authz/x", "/v1/decision?account=a", "/v1/decisions"]
)
def test_only_a_token_of_the_scope_is_answered_and_never_with_403(desk: Desk, path: str) -> None:
    for authorization in ("", "Bearer wrong", f"Bearer {desk.ingest}", f"Basic {desk.token}"):
        answer = desk.ask(path, X_Stormwatch_Account="bad", Authorization=authorization)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_that_is_revoked_or_over_counts_no_more(desk: Desk) -> None:
    desk.change("UPDATE tokens SET expires_us = ? WHERE scopes = 'decide'", now_us() - 1)
    desk.follower.look()
    assert desk.ask("/v1/decisions").status_code == 401
    desk.change("UPDATE tokens SET expires_us = NULL, revoked_us = 1 WHERE scopes = 'decide'")
    desk.follower.look()
    assert desk.ask("/v1/decisions").status_code == 401


def test_mistakes_are_named_and_hostile_ids_are_just_ids(desk: Desk) -> None:
    assert desk.ask("/v1/decision").status_code == 422
    assert desk.ask("/v1/decision/auth").status_code == 422
    assert desk.ask("/v1/decision/auth", X_Stormwatch_Account="a" * 1025).status_code == 422
    assert desk.ask("/v1/decisions?wait=soon").status_code == 422
    assert desk.ask("/v1/decisions", "POST").status_code == 405
    assert desk.ask("/elsewhere").status_code == 404
    for account in ("a%00b", "%27%20OR%201=1%20--", "%e2%80%aegnp", "..%2f..%2fetc"):
        assert desk.ask(f"/v1/decision?account={account}").json()["state"] == "allow"


def test_the_list_is_sent_again_only_when_it_changed(desk: Desk) -> None:
    first = desk.ask("/v1/decisions")
    assert [each["account"] for each in first.json()["decisions"]] == ["bad", "slow"]
    tag = first.headers["ETag"]
    same = desk.ask("/v1/decisions", If_None_Match=f'"other", W/{tag}')
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    desk.suspend("worse")
    desk.follower.look()
    changed = desk.ask("/v1/decisions", If_None_Match=tag)
    assert [each["account"] for each in changed.json()["decisions"]] == ["bad", "slow", "worse"]


def test_a_long_poll_answers_when_there_is_news(desk: Desk) -> None:
    tag = desk.ask("/v1/decisions").headers["ETag"]

    async def wait_for_news() -> httpx.Response:
        waiting = asyncio.create_task(desk.asked("/v1/decisions?wait=60", If_None_Match=tag))
        await asyncio.sleep(0)
        assert not waiting.done()
        desk.suspend("worse")
        await asyncio.to_thread(desk.follower.look)
        return await asyncio.wait_for(waiting, 30)

    assert len(asyncio.run(wait_for_news()).json()["decisions"]) == 3


def test_a_long_poll_answers_when_a_decision_ends_by_itself_and_when_its_time_is_over(desk: Desk) -> None:
    desk.suspend("brief", until=now_us() + SECOND)
    desk.follower.look()
    tag = desk.ask("/v1/decisions").headers["ETag"]
    ended = desk.ask("/v1/decisions?wait=60", If_None_Match=tag)
    assert [each["account"] for each in ended.json()["decisions"]] == ["bad", "slow"]
    assert desk.ask("/v1/decisions?wait=0.01", If_None_Match=ended.headers["ETag"]).status_code == 304


@pytest.mark.parametrize(("opened", "status"), [(True, [204, 200, 200]), (False, [503, 503, 503])])
def test_before_the_first_list_it_does_what_was_chosen(floor: Floor, opened: bool, status: list[int]) -> None:
    desk = Desk(floor, open_when_unknown=opened)
    paths = ("/v1/decision/auth", "/v1/decision/ext-authz/v1", "/v1/decision?account=bad")
    answers = [desk.ask(path, X_Stormwatch_Account="bad") for path in paths]
    assert [answer.status_code for answer in answers] == status
    assert all(answer.headers.get("X-Stormwatch-Age", "never") == "never" for answer in answers)
    assert desk.ask("/v1/decisions").status_code == 503, "an empty list would lift what a gateway knows of"
    assert desk.ask("/readyz").status_code == 503


def test_its_age_shows_in_the_header_and_in_the_figures(desk: Desk) -> None:
    desk.know(read_us=now_us() - 90 * SECOND)
    desk.follower.trouble = "the case database cannot be read"
    assert int(desk.ask("/v1/decision/auth", X_Stormwatch_Account="bad").headers["X-Stormwatch-Age"]) >= 90
    figures = dict(line.rsplit(" ", 1) for line in desk.ask("/metrics").text.splitlines() if line[0] != "#")
    assert float(figures["stormwatch_decision_age_seconds"]) >= 90
    assert (figures["stormwatch_decision_followed"], figures["stormwatch_decision_accounts"]) == ("0.0", "2.0")
    assert figures['stormwatch_decision_answers_total{answer="suspended"}'] == "1.0"


def test_a_database_older_than_the_list_is_not_followed(desk: Desk) -> None:
    desk.change("DELETE FROM decision_changes")
    desk.change("DELETE FROM decisions")
    desk.change("DELETE FROM decision_changes")
    with pytest.raises(StormwatchError, match=r"older than the 2 known here.*--anew"):
        desk.follower.look()
    assert desk.ask("/v1/decision/auth", X_Stormwatch_Account="bad").status_code == 403


@pytest.mark.parametrize("away", [Path.unlink, lambda file: file.write_bytes(b"no database at all" * 300)])
def test_a_database_that_is_gone_or_broken_is_said_so_and_not_made(desk: Desk, away: Callable[[Path], object]) -> None:
    desk.runtime.database.close()
    away(desk.file)
    there = desk.file.exists()
    with pytest.raises(StormwatchError, match="the case database cannot be read"):
        desk.follower.look()
    assert desk.file.exists() is there
    assert desk.ask("/v1/decision/auth", X_Stormwatch_Account="bad").status_code == 403
