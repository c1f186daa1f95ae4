"""Gateways' requests into answers: a bare ASGI application, because a framework's work would be most of an answer's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from stormwatch.api.decision_bodies import DecisionBody, Refusal
from stormwatch.api.decision_process.figures import figures
from stormwatch.api.decision_process.following import Follower, Known
from stormwatch.model.case import Decision, DecisionState
from stormwatch.model.times import SECOND, now_us, optional_rfc3339

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Header = tuple[bytes, bytes]

LONGEST_WAIT_SECONDS: Final = 60.0
_MOST_WAITING: Final = 500
_LONGEST_ID: Final = 1024  # characters, as `serve` has it
_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_CHALLENGE: Final = (b"www-authenticate", b"Bearer")
_SOON: Final = (b"retry-after", b"1")
_AUTH: Final = "/v1/decision/auth"
_EXT_AUTHZ: Final = "/v1/decision/ext-authz"
_encode: Final = msgspec.json.Encoder().encode


class Endpoint:
    """The application. `open_when_unknown` says what it answers while it never had a list: allow, or no decision."""

    def __init__(self, follower: Follower, *, open_when_unknown: bool) -> None:
        self._follower = follower
        self._open = open_when_unknown
        self._news = asyncio.Event()
        self._waiting = 0
        self.answers: Counter[str] = Counter()

    def wake(self) -> None:
        """The list is another; called in the event loop."""
        self._news.set()
        self._news = asyncio.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        headers = dict(scope["headers"])
        if path.startswith((_AUTH, _EXT_AUTHZ)):
            await self._authorise(path, headers, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, [(b"allow", b"GET")])
        elif path == "/v1/decision":
            await self._one(scope, headers, send)
        elif path == "/v1/decisions":
            await self._whole(scope, headers, send)
        else:
            await self._about_itself(path, send)

    async def _authorise(self, path: str, headers: dict[bytes, bytes], send: Send) -> None:
        """The answer to a gateway's question in mid-request: 204 (to Envoy 200, the one that it takes for a yes), 403,
        or an answer that no gateway can mistake for a suspension.
        """
        passed = 204 if path.startswith(_AUTH) else 200
        known = self._follower.known
        if known is None:
            await self._unknown(send, passed, b"")
            return
        if not _admits(known, headers):
            await self._turn_away(send)
            return
        account = _text(headers.get(b"x-stormwatch-account", b""))
        if not 0 < len(account) <= _LONGEST_ID:
            await self._nobody(send, "name the account in X-Stormwatch-Account")
            return
        decision = known.decided.decide(account)
        self.answers[decision.state.value] += 1
        about = [_NOT_KEPT, _age(known), (b"x-stormwatch-state", decision.state.value.encode())]
        if decision.state is not DecisionState.SUSPENDED:
            await _answer(send, passed, about)
            return
        about.append((b"x-stormwatch-reason", (decision.reason_code or "").encode()))
        about.append((b"x-stormwatch-appeal", (decision.appeal_url or "").encode()))
        refusal = Refusal("account_suspended", decision.reason_code, decision.appeal_url)
        await _answer(send, 403, [*about, _JSON], _encode(refusal))

    async def _one(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        known = self._follower.known
        if known is None:
            await self._unknown(send, 200, _encode(DecisionBody("allow", None, None, None)))
            return
        if not _admits(known, headers):
            await self._turn_away(send)
            return
        account = _parameter(scope, "account")
        if not 0 < len(account) <= _LONGEST_ID:
            await self._nobody(send, "name the account in the parameter account")
            return
        decision = known.decided.decide(account)
        self.answers[decision.state.value] += 1
        await _answer(send, 200, [_NOT_KEPT, _age(known), _JSON], _encode(_body(decision)))

    async def _whole(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        """The list, or 304 when the caller has it; with `wait` that answer is held back until there is news."""
        known = self._follower.known
        if known is None:  # an empty list would lift every suspension that a gateway knows of
            await self._unavailable(send)
            return
        if not _admits(known, headers):
            await self._turn_away(send)
            return
        tags = {tag.strip().removeprefix("W/") for tag in _text(headers.get(b"if-none-match", b"")).split(",")}
        try:
            wait = min(max(float(_parameter(scope, "wait") or 0), 0.0), LONGEST_WAIT_SECONDS)
        except ValueError:
            await self._nobody(send, "write wait as a number of seconds")
            return
        if wait > 0 and self._waiting >= _MOST_WAITING:
            await self._unavailable(send)
            return
        known = await self._changed(known, tags, wait)
        tag = known.decided.etag()
        about = [(b"etag", tag.encode()), (b"cache-control", b"no-cache"), _age(known)]
        if tag in tags or "*" in tags:
            self.answers["list-unchanged"] += 1
            await _answer(send, 304, about)
            return
        self.answers["list"] += 1
        await send({"type": "http.response.start", "status": 200, "headers": [*about, _JSON]})
        if scope["method"] == "GET":
            for piece in known.decided.body():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)  # the gateways that ask about one account come in between
        await send({"type": "http.response.body"})

    async def _changed(self, known: Known, tags: set[str], wait: float) -> Known:
        """What is known once the list is none of these, or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        self._waiting += 1
        try:
            while known.decided.etag() in tags and (left := end - loop.time()) > 0:
                ends = known.decided.next_end(now_us())
                if ends is not None:
                    left = min(left, max(ends - now_us(), 0) / SECOND + 0.001)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left)
                known = self._follower.known or known
        finally:
            self._waiting -= 1
        return known

    async def _about_itself(self, path: str, send: Send) -> None:
        if path == "/healthz":
            await _answer(send, 200, [_TEXT], b"ok\n")
        elif path == "/readyz" and self._follower.known is None:
            await _answer(send, 503, [_TEXT, _SOON], b"no list of decisions yet\n")
        elif path == "/readyz":
            await _answer(send, 200, [_TEXT], b"ready\n")
        elif path == "/metrics":
            await _answer(send, 200, [_TEXT], figures(self._follower.known, self._follower.trouble, self.answers))
        else:
            await _answer(send, 404, [_TEXT], b"there is nothing here\n")

    async def _unknown(self, send: Send, passed: int, body: bytes) -> None:
        """While there never was a list nobody can be told from anybody, callers included."""
        if not self._open:
            await self._unavailable(send)
            return
        self.answers["allow-unknown"] += 1
        about = [_NOT_KEPT, (b"x-stormwatch-state", b"allow"), (b"x-stormwatch-age", b"never")]
        await _answer(send, passed, [*about, _JSON] if body else about, body)

    async def _unavailable(self, send: Send) -> None:
        self.answers["unavailable"] += 1
        await _answer(send, 503, [_NOT_KEPT, _JSON, _SOON], b'{"error":"decision_unavailable"}')

    async def _turn_away(self, send: Send) -> None:
        self.answers["unauthenticated"] += 1
        body = b'{"detail":"send a token of scope decide as `Authorization: Bearer ...`"}'
        await _answer(send, 401, [_CHALLENGE, _JSON], body)

    async def _nobody(self, send: Send, remedy: str) -> None:
        self.answers["mistaken"] += 1
        await _answer(send, 422, [_JSON], _encode({"detail": remedy}))


def _admits(known: Known, headers: dict[bytes, bytes]) -> bool:
    """A token in Authorization, or where a gateway cannot write that header for us, in X-Stormwatch-Token."""
    token = headers.get(b"x-stormwatch-token")
    if token is not None:
        return known.tokens.admit_token(_text(token))
    return known.tokens.admit(_text(headers.get(b"authorization", b"")))


def _body(decision: Decision) -> DecisionBody:
    until = optional_rfc3339(decision.until_us)
    return DecisionBody(decision.state.value, decision.reason_code, decision.appeal_url, until)


def _age(known: Known) -> Header:
    """Whole seconds since the database last confirmed what is answered."""
    return b"x-stormwatch-age", str(max(now_us() - known.read_us, 0) // SECOND).encode()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parameter(scope: Scope, name: str) -> str:
    return parse_qs(_text(scope["query_string"]), keep_blank_values=True).get(name, [""])[-1]


async def _answer(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    if status not in (204, 304):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
