"""The decision endpoint: what a gateway has to do with an account, asked singly, by `auth_request`, or as a list."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.responses import Response

from stormwatch.actions.decisions import all_decisions, decide
from stormwatch.api.decision_bodies import DecisionBody, ListedDecision, Refusal
from stormwatch.api.dependencies import principal, runtime
from stormwatch.model.case import Decision, DecisionState
from stormwatch.model.principal import Principal, Scope
from stormwatch.model.times import optional_rfc3339

router = APIRouter(prefix="/v1")

_JSON = "application/json"
_NOT_KEPT = {"Cache-Control": "no-store"}

_decider = principal(Scope.DECIDE)


def _gateway(request: Request) -> Principal:
    """Admits tokens of scope `decide`. A token that lacks it gets 401: to a gateway, 403 means `suspended`."""
    try:
        return _decider(request)
    except HTTPException as error:
        raise HTTPException(401, error.detail, {"WWW-Authenticate": "Bearer"}) from error


@router.get("/decision", dependencies=[Depends(_decider)])
def read_decision(
    request: Request,
    account: Annotated[str, Query(min_length=1, max_length=1024)],
    org: str | None = None,
    end_user: str | None = None,
    key: str | None = None,
) -> Response:
    """The decision on an account. `org`, `end_user` and `key` are accepted; this version decides on accounts alone."""
    del org, end_user, key
    return _json(_body(_decide(request, account)), _NOT_KEPT)


@router.get("/decision/auth", dependencies=[Depends(_gateway)])
def authorise(
    request: Request, x_stormwatch_account: Annotated[str, Header(min_length=1, max_length=1024)]
) -> Response:
    """204, or 403 for a suspended account, with reason and appeal address as headers too, since `auth_request` of nginx
    drops the body. A limited account passes, and the gateway reads in X-Stormwatch-State that it is to be slowed down.
    """
    decision = _decide(request, x_stormwatch_account)
    headers = _NOT_KEPT | {"X-Stormwatch-State": decision.state.value}
    if decision.state is not DecisionState.SUSPENDED:
        return Response(status_code=204, headers=headers)
    headers |= {"X-Stormwatch-Reason": decision.reason_code or "", "X-Stormwatch-Appeal": decision.appeal_url or ""}
    return _json(Refusal("account_suspended", decision.reason_code, decision.appeal_url), headers, status=403)


@router.get("/decisions", dependencies=[Depends(_decider)])
def read_decisions(request: Request, if_none_match: Annotated[str, Header()] = "") -> Response:
    """Every account that is not simply allowed, with an ETag, for gateways that keep a copy; 304 when it is current."""
    installation = runtime(request)
    listed = [
        ListedDecision(decision.account_id, **msgspec.structs.asdict(_body(decision)))
        for decision in all_decisions(installation.database, appeal_url=installation.settings.appeal_url)
    ]
    content = msgspec.json.encode({"decisions": listed})
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, _JSON)


def _decide(request: Request, account_id: str) -> Decision:
    installation = runtime(request)
    return decide(installation.database, account_id, appeal_url=installation.settings.appeal_url)


def _body(decision: Decision) -> DecisionBody:
    until = optional_rfc3339(decision.until_us)
    return DecisionBody(decision.state.value, decision.reason_code, decision.appeal_url, until)


def _json(content: msgspec.Struct, headers: dict[str, str], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, headers, _JSON)
