"""LiteLLM asks Stormwatch about every request: a suspended account reads 403, a limited one is slowed down.

Copy this file beside LiteLLM's config.yaml and name `stormwatch_hook.gate` among the callbacks. It runs inside
LiteLLM's process and needs nothing but what LiteLLM brings. README.md in this folder says how to set it up.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

_PREFIX: Final = "STORMWATCH_GATE_"
_SHARED_USER: Final = "default_user_id"  # LiteLLM calls everybody so who uses the master key
_STATES: Final = frozenset({"allow", "limit", "suspended"})
_MINUTE: Final = 60.0

_log = logging.getLogger("stormwatch.gate")


class NotConfigured(RuntimeError):
    """A setting is missing or wrong; LiteLLM must not start as if it were guarded."""


# LiteLLM runs this file without entering it among the modules, and a dataclass could not be made in such a file.
class Configuration(NamedTuple):
    """What an operator chooses. `when_away` has no default: what happens without an answer is theirs to say."""

    url: str
    token: str
    when_away: str
    cache_seconds: float = 2.0
    cache_accounts: int = 10_000
    timeout_seconds: float = 0.5
    limited_per_minute: int = 6

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Configuration:
        """The configuration in `STORMWATCH_GATE_*` variables; NotConfigured says which one to correct."""
        when_away = variables.get(_PREFIX + "WHEN_AWAY", "")
        if when_away not in ("open", "closed"):
            raise NotConfigured(
                f"{_PREFIX}WHEN_AWAY must be `open` (while Stormwatch cannot be asked everybody is let in) or `closed` "
                f"(nobody is); it is {when_away!r}"
            )
        url = variables.get(_PREFIX + "URL", "").rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise NotConfigured(f"{_PREFIX}URL must be the address of `stormwatch serve`; it is {url!r}")
        defaults = cls._field_defaults
        return cls(
            url=url,
            token=_token(variables),
            when_away=when_away,
            cache_seconds=_number(variables, "CACHE_SECONDS", defaults["cache_seconds"], least=0.0),
            cache_accounts=int(_number(variables, "CACHE_ACCOUNTS", defaults["cache_accounts"], least=1)),
            timeout_seconds=_number(variables, "TIMEOUT_SECONDS", defaults["timeout_seconds"], least=0.01),
            limited_per_minute=int(_number(variables, "LIMITED_PER_MINUTE", defaults["limited_per_minute"], least=1)),
        )


def _token(variables: Mapping[str, str]) -> str:
    file = variables.get(_PREFIX + "TOKEN_FILE")
    try:
        token = Path(file).read_text(encoding="utf-8") if file else variables.get(_PREFIX + "TOKEN", "")
    except OSError as error:
        raise NotConfigured(f"{_PREFIX}TOKEN_FILE cannot be read: {error}") from error
    if not token.strip():
        raise NotConfigured(f"{_PREFIX}TOKEN or {_PREFIX}TOKEN_FILE must give a token of scope `decide`")
    return token.strip()


def _number(variables: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    text = variables.get(_PREFIX + name, "")
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= least):
        raise NotConfigured(f"{_PREFIX}{name} must be a number of at least {least:g}; it is {text!r}")
    return value


class Answer(NamedTuple):
    """What Stormwatch says of an account; state None where it could not be asked."""

    state: str | None
    reason_code: str | None = None
    appeal_url: str | None = None


AWAY: Final = Answer(None)


class Decisions:
    """Asks `GET /v1/decision` and keeps each answer for `cache_seconds`: no decision lags by more than that.

    Requests of one account that come together wait for one question. After a failure nothing is asked for as long as
    one question may take, so that a silent Stormwatch does not slow every request down.
    """

    def __init__(self, configuration: Configuration, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = configuration
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[Answer]] = {}
        self._silent_until = -math.inf
        self._client: httpx.AsyncClient | None = None

    async def of(self, account: str) -> Answer:
        """The answer on an account, from the cache where it is young enough."""
        kept = self._kept.get(account)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        if self._clock() < self._silent_until:
            return AWAY
        under_way = self._asking.get(account)
        if under_way is None:
            under_way = self._asking[account] = asyncio.ensure_future(self._ask_once(account))
        return await asyncio.shield(under_way)

    async def _ask_once(self, account: str) -> Answer:
        asked_at = self._clock()  # an answer is as old as its question
        try:
            answer = await self._ask(account)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, what happens now is the operator's choice
            self._silent_until = self._clock() + self._settings.timeout_seconds
            _log.error(
                "Stormwatch gave no decision (%s: %s): fail %s", type(error).__name__, error, self._settings.when_away
            )
            return AWAY
        finally:
            del self._asking[account]
        self._keep(account, asked_at, answer)
        return answer

    async def _ask(self, account: str) -> Answer:
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self._settings.url,
                headers={"Authorization": f"Bearer {self._settings.token}"},
                timeout=self._settings.timeout_seconds,
                trust_env=False,
            )
        # httpx bounds each wait on the socket; this bounds them all.
        async with asyncio.timeout(self._settings.timeout_seconds):
            response = await self._client.get("/v1/decision", params={"account": account})
        response.raise_for_status()
        body = response.json()
        if body["state"] not in _STATES:
            raise ValueError(f"unknown state {body['state']!r}")
        return Answer(body["state"], body.get("reason_code"), body.get("appeal_url"))

    def _keep(self, account: str, asked_at: float, answer: Answer) -> None:
        self._kept[account] = asked_at + self._settings.cache_seconds, answer
        self._kept.move_to_end(account)
        while len(self._kept) > self._settings.cache_accounts:
            self._kept.popitem(last=False)


class Pace:
    """How many requests of each limited account came within the last minute, in this process."""

    def __init__(self, per_minute: int, accounts: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._accounts = accounts
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, account: str) -> float:
        """Counts a request: 0 when it may go on, else the seconds after which the next one may."""
        now = self._clock()
        times = self._times.setdefault(account, deque())
        self._times.move_to_end(account)
        while len(self._times) > self._accounts:
            self._times.popitem(last=False)
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= self._per_minute:
            return times[0] + _MINUTE - now
        times.append(now)
        return 0.0


class StormwatchGate(CustomLogger):  # type: ignore[misc]
    """The hook: LiteLLM calls it after a request is authenticated and before a model is asked."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self._settings = configuration
        self._decisions = Decisions(configuration)
        self._pace = Pace(configuration.limited_per_minute, configuration.cache_accounts)

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> Any:
        """Lets the request go on unchanged, or raises 403 (suspended), 429 (limited) or 503 (no decision)."""
        del cache, call_type
        account = account_of(user_api_key_dict)
        answer = await self._decisions.of(account) if account else AWAY
        if answer.state is None and self._settings.when_away == "closed":
            raise HTTPException(503, {"error": "decision_unavailable"}, {"Retry-After": "1"})
        if answer.state == "suspended":
            refusal = {
                "error": "account_suspended",
                "reason_code": answer.reason_code,
                "appeal_url": answer.appeal_url,
            }
            raise HTTPException(403, refusal)
        if account and answer.state == "limit" and (wait := self._pace.wait(account)):
            limited = {"error": "account_limited", "reason_code": answer.reason_code, "appeal_url": answer.appeal_url}
            raise HTTPException(429, limited, {"Retry-After": str(math.ceil(wait))})
        return data


def account_of(authenticated: Any) -> str | None:
    """The account id as Stormwatch's reader of LiteLLM's events names it: the user, else the key's hash, else the team.

    Never what the caller wrote into the request; None where nobody was authenticated.
    """
    user = getattr(authenticated, "user_id", None)
    if user and user != _SHARED_USER:
        return str(user)
    for prefix, name in (("key", "api_key"), ("team", "team_id")):
        value = getattr(authenticated, name, None)
        if value:
            return f"{prefix}:{value}"
    return None


gate = StormwatchGate(Configuration.from_environment(os.environ))
