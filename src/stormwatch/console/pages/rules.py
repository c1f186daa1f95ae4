"""The rules in force with what they hit, and the page of each; nothing here changes a rule."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.console.backtest_form import backtest_form
from stormwatch.console.paging import page_of
from stormwatch.console.rendering import page
from stormwatch.console.rule_list import (
    KINDS,
    LEVELS,
    Order,
    RuleQuery,
    Standing,
    chosen,
    key_of,
    rule_lines,
    rules_in_force,
    techniques_of,
)
from stormwatch.console.rule_view import rule_view
from stormwatch.console.security import SignedIn
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/rules")
def rules_page(request: Request, session: SignedIn, after: str = "") -> Response:
    """All rules, correlations and detectors; the whole query is in the address."""
    runtime: Runtime = request.app.state.runtime
    query, lines = RuleQuery.of(dict(request.query_params)), rule_lines(runtime)
    found = chosen(lines, query)
    values = {
        "rules": page_of(found, lambda line: key_of(line, query.order), after=after, example=(0, "", "")),
        "total": len(found),
        "filters": {**query.parameters, "after": after},
        "query": query,
        "levels": LEVELS,
        "kinds": KINDS,
        "standings": tuple(Standing),
        "orders": tuple(Order),
        "techniques": tuple(techniques_of(lines)),
        "problems": rules_in_force(runtime).errors,
    }
    return page(request, session, "rules.html", values)


@router.get("/rules/{rule_id:path}")
def rule_page(request: Request, session: SignedIn, rule_id: str, after: str = "") -> Response:
    """One rule. Its id may hold what an address parts by, for what is recorded need not be in any file."""
    runtime: Runtime = request.app.state.runtime
    values = {
        "view": rule_view(runtime, rule_id, after),
        "after": after,
        "form": backtest_form(runtime),
    }
    return page(request, session, "rule.html", values)
