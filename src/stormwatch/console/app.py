"""Puts the console together and mounts it below /console, where its cookies and headers stay apart from the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from stormwatch.console.backtest_jobs import BacktestJobs
from stormwatch.console.pages import (
    account,
    act,
    actors,
    appeal,
    audit,
    backtest,
    case,
    case_work,
    lead,
    lineage,
    news,
    notice,
    outbox,
    people,
    pivot,
    plan,
    provider,
    queue,
    rules,
    second_factor,
    session,
    welcome,
    you,
)
from stormwatch.console.public_appeal.app import mount_appeal
from stormwatch.console.rendering import STATIC, environment, page, status_of
from stormwatch.console.rule_list import rule_folders
from stormwatch.console.security import NotSignedIn, SecurityHeaders, SmallForms, present_session
from stormwatch.model.errors import StormwatchError
from stormwatch.runtime import Runtime

PREFIX: Final = "/console"
_PAGES: Final = (
    session,
    provider,
    welcome,
    you,
    second_factor,
    queue,
    case,
    case_work,
    news,
    act,
    plan,
    outbox,
    appeal,
    notice,
    lead,
    account,
    actors,
    rules,
    backtest,
    lineage,
    pivot,
    audit,
    people,
)


def mount(app: FastAPI, runtime: Runtime) -> None:
    """Adds the console to an application: its pages below /console, the appeal page beside it, and `/` leads there."""
    app.mount(PREFIX, console(runtime))
    mount_appeal(app, runtime)
    app.add_api_route("/", _to_console, methods=["GET"], include_in_schema=False)


def console(runtime: Runtime) -> FastAPI:
    """The console as an ASGI application of its own, wherever it is mounted."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    made.state.runtime = runtime
    _ = runtime.identity_flows  # what is wrong with its settings is said now, not to whoever signs in first
    made.state.templates = environment()
    made.state.backtests = BacktestJobs(runtime.settings.home, lambda: rule_folders(runtime))
    for module in _PAGES:
        made.include_router(module.router)
    made.mount("/static", StaticFiles(directory=STATIC), name="static")
    made.add_middleware(SmallForms)
    made.add_middleware(SecurityHeaders)
    handlers: dict[type[Exception], Callable[[Request, Exception], Response | Awaitable[Response]]] = {
        NotSignedIn: _ask_to_sign_in,
        StormwatchError: _explain,
        RequestValidationError: _explain_form,
        HTTPException: _explain_http,
    }
    for kind, handler in handlers.items():
        made.add_exception_handler(kind, handler)
    return made


def _to_console() -> Response:
    return RedirectResponse(f"{PREFIX}/", 303)


def _ask_to_sign_in(request: Request, error: Exception) -> Response:
    root = str(request.scope.get("root_path", ""))
    back = error.back if isinstance(error, NotSignedIn) else ""
    return RedirectResponse(f"{root}/login" + (f"?next={back}" if back else ""), 303)


def _explain(request: Request, error: Exception) -> Response:
    return _error_page(request, str(error), status_of(error) if isinstance(error, StormwatchError) else 500)


def _explain_form(request: Request, _error: Exception) -> Response:
    return _error_page(request, "a field of this form or address is missing or cannot be read", 400)


def _explain_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = "there is no such page" if status == 404 else "this request cannot be answered"
    return _error_page(request, sentence, status)


def _error_page(request: Request, sentence: str, status: int) -> Response:
    return page(
        request, present_session(request), "error.html", {"sentence": sentence, "status": status}, status=status
    )
