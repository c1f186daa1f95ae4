"""Backtests from the console: a detection engineer tries a rule on history, watches it, and reads what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from stormwatch.access.permission import require
from stormwatch.access.sessions import Session
from stormwatch.console.backtest_form import backtest_form, window_of_days
from stormwatch.console.backtest_jobs import BacktestJobs
from stormwatch.console.entering import root_of
from stormwatch.console.pages.case import Text
from stormwatch.console.people_names import names_of_people
from stormwatch.console.rendering import page, status_of
from stormwatch.console.rule_list import rules_in_force
from stormwatch.console.security import PostedBy, SignedIn, Watching
from stormwatch.hunt.backtest_orders import BacktestOrder, order_backtest
from stormwatch.model.errors import StormwatchError
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

router = APIRouter()

_READERS: Final = (Role.DETECTION_ENGINEER, Role.AUDITOR)


@router.get("/backtests")
def backtests_page(request: Request, session: SignedIn) -> Response:
    """The backtests of this server, and the form of a new one. Detection engineers and auditors alone."""
    return _show(request, session)


@router.post("/backtests")
def begin(
    request: Request,
    session: PostedBy,
    rule: Text = "",
    since: Text = "",
    until: Text = "",
    reason: Text = "",
    rule_id: Text = "",
) -> Response:
    """Begins one, and leads to its page."""
    runtime: Runtime = request.app.state.runtime
    # Browsers send text areas with the line ends of mail.
    text = rule.replace("\r\n", "\n")
    known = rule_id if any(entry.rule_id == rule_id for entry in rules_in_force(runtime).entries) else ""

    def order() -> BacktestOrder:
        return order_backtest(
            runtime.database,
            runtime.ledger,
            session.principal,
            text=text,
            window=window_of_days(since, until),
            reason=reason,
            rule_id=known,
        )

    try:
        require(session.principal, Role.DETECTION_ENGINEER)
        job = jobs_of(request).start(order, _unchanged_file(runtime, known, text))
    except StormwatchError as error:
        kept = {"rule": text, "since": since, "until": until, "reason": reason, "rule_id": known}
        return _show(request, session, error, kept)
    return RedirectResponse(f"{root_of(request)}/backtests/{job.order.order_id}", 303)


@router.get("/backtests/{order_id}")
def backtest_page(request: Request, session: SignedIn, order_id: str) -> Response:
    """One backtest: how far it is, or what it found."""
    require(session.principal, *_READERS)
    job = jobs_of(request).get(order_id)
    values = {"job": job, "names": names_of_people(request.app.state.runtime)}
    return page(request, session, "backtest.html", values)


@router.get("/backtests/{order_id}/progress")
def progress(request: Request, session: Watching, order_id: str) -> Response:
    """How far it is, for a page that lies open."""
    require(session.principal, *_READERS)
    job = jobs_of(request).get(order_id)
    return JSONResponse({"state": job.state.value, "step": job.step, "done": job.done, "total": job.total})


@router.post("/backtests/{order_id}/cancel")
def cancel(request: Request, session: PostedBy, order_id: str) -> Response:
    """Ends it."""
    require(session.principal, Role.DETECTION_ENGINEER)
    jobs_of(request).cancel(order_id)
    return RedirectResponse(f"{root_of(request)}/backtests/{order_id}", 303)


def jobs_of(request: Request) -> BacktestJobs:
    """The backtests of this console."""
    found: BacktestJobs = request.app.state.backtests
    return found


def _unchanged_file(runtime: Runtime, rule_id: str, text: str) -> Path | None:
    """The rule's own file where it is tried as it is: it may use lists that stand beside it."""
    paths = [entry.path for entry in rules_in_force(runtime).entries if entry.rule_id == rule_id]
    return next((path for path in paths if _holds(path, text)), None)


def _holds(path: Path, text: str) -> bool:
    # A browser drops the line end after the last line of a text area, and the first before it.
    try:
        return path.read_text(encoding="utf-8").strip() == text.strip()
    except (OSError, UnicodeDecodeError):
        return False


def _show(
    request: Request, session: Session, alert: StormwatchError | None = None, kept: Mapping[str, str] | None = None
) -> Response:
    require(session.principal, *_READERS)
    runtime: Runtime = request.app.state.runtime
    values = {
        "jobs": jobs_of(request).all(),
        "form": backtest_form(runtime),
        "kept": kept or {},
        "names": names_of_people(runtime),
        "alert": alert,
    }
    return page(request, session, "backtests.html", values, status=status_of(alert) if alert else 200)
