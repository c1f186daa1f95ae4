"""Figures about what was done: accounts actioned and reinstated, cases and how long they took, techniques seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select

from stormwatch.model.assessment import RESIDUAL_HYPOTHESES, HypothesisKind
from stormwatch.model.case import ActionKind, CaseState
from stormwatch.model.times import DAY, HOUR
from stormwatch.reports.figures import Figure, Meaning, Period, overlapping, partition, tally
from stormwatch.reports.sources import Sources
from stormwatch.stix.techniques import llm_techniques
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.cases import case_accounts, case_history, cases

NOT_ASSESSED: Final = "not assessed"

# Gravest first: an account that met several actions counts under the gravest.
_GRAVITY: Final = (
    ActionKind.TERMINATE,
    ActionKind.SUSPEND,
    ActionKind.LIMIT,
    ActionKind.VERIFY,
    ActionKind.ROTATE_KEY,
    ActionKind.WATCH,
)
_BANDS: Final = ((HOUR, "under an hour"), (DAY, "under a day"), (7 * DAY, "under a week"), (30 * DAY, "under 30 days"))
_LONGEST: Final = "30 days or more"

_ACTIONED: Final = Meaning(
    name="accounts-actioned",
    title="Accounts actioned",
    unit="accounts",
    derivation="enforcement.accounts_actioned/1",
    definition="Accounts against which an action was approved in the period, each under the gravest of its actions. "
    "Every action was proposed by one person and approved by another.",
)
_BY_HYPOTHESIS: Final = Meaning(
    name="accounts-actioned-by-hypothesis",
    title="Accounts actioned, by who is likely behind them",
    unit="accounts",
    derivation="enforcement.actioned_by_hypothesis/1",
    definition="The same accounts by the leading hypothesis of their assessment when this report was built. "
    "A leading hypothesis is the likeliest one, not a certainty.",
)
_REVERSED: Final = Meaning(
    name="accounts-reinstated",
    title="Reversals",
    unit="accounts",
    derivation="enforcement.accounts_reinstated/1",
    definition="Accounts for which an action was reversed in the period, whenever it had been taken, each under the "
    "gravest of its reversed actions.",
)
_CASES: Final = Meaning(
    name="cases",
    title="Cases opened, cleared and acted on",
    unit="cases",
    derivation="enforcement.cases_moved/1",
    definition="Cases that were opened, cleared or acted on in the period; one case can be in several rows.",
)
_TIME_TO_ACTION: Final = Meaning(
    name="time-to-action",
    title="Time from case to action",
    unit="cases",
    derivation="enforcement.time_to_action/1",
    definition="Cases whose first action was approved in the period, by the time since the case was opened.",
)
_TECHNIQUES: Final = Meaning(
    name="techniques",
    title="Techniques seen in acted cases",
    unit="cases",
    derivation="enforcement.techniques_seen/1",
    definition="Cases acted on in the period in which a rule saw the technique at least once on one of their accounts. "
    "A technique identifies nobody: ordinary users script, translate and research too.",
)


def enforcement_figures(sources: Sources, period: Period) -> tuple[Figure, ...]:
    """The figures of the period about actions and cases, nothing suppressed yet."""
    return (
        accounts_actioned(sources, period),
        actioned_by_hypothesis(sources, period),
        accounts_reinstated(sources, period),
        cases_moved(sources, period),
        time_to_action(sources, period),
        techniques_seen(sources, period),
    )


def accounts_actioned(sources: Sources, period: Period) -> Figure:
    """Accounts by the gravest action approved against them."""
    return partition(_ACTIONED, _by_gravest(_rows(sources, _approved(period))))


def accounts_reinstated(sources: Sources, period: Period) -> Figure:
    """Accounts by the gravest action that was reversed."""
    query = select(actions.c.account_id, actions.c.kind).where(
        actions.c.reversed_us >= period.from_us, actions.c.reversed_us < period.to_us
    )
    return partition(_REVERSED, _by_gravest(_rows(sources, query)))


def actioned_by_hypothesis(sources: Sources, period: Period) -> Figure:
    """Actioned accounts by the kind of their leading hypothesis."""
    accounts = {row.account_id for row in _rows(sources, _approved(period))}
    leading = _leading_hypotheses(sources, accounts)
    observed = [leading.get(account, NOT_ASSESSED) for account in accounts]
    categories = (HypothesisKind.TRACKED_ACTOR.value, *RESIDUAL_HYPOTHESES, NOT_ASSESSED)
    return partition(_BY_HYPOTHESIS, tally(categories, observed))


def cases_moved(sources: Sources, period: Period) -> Figure:
    """Cases by what happened to them."""
    query = select(case_history).where(case_history.c.time_us >= period.from_us, case_history.c.time_us < period.to_us)
    opened, cleared, acted = set[str](), set[str](), set[str]()
    for row in _rows(sources, query):
        if row.from_state is None:
            opened.add(row.case_id)
        elif row.to_state == CaseState.CLEARED:
            cleared.add(row.case_id)
        elif row.to_state == CaseState.ACTED:
            acted.add(row.case_id)
    return overlapping(_CASES, {"opened": len(opened), "cleared": len(cleared), "acted on": len(acted)})


def time_to_action(sources: Sources, period: Period) -> Figure:
    """Cases by the time from opening to the first approved action."""
    first = func.min(actions.c.approved_us).label("first_us")
    query = (
        select(cases.c.opened_us, first)
        .join(actions, actions.c.case_id == cases.c.case_id)
        .group_by(cases.c.case_id, cases.c.opened_us)
        .having(first >= period.from_us, first < period.to_us)
    )
    observed = [band(row.first_us - row.opened_us) for row in _rows(sources, query)]
    return partition(_TIME_TO_ACTION, tally((*(name for _, name in _BANDS), _LONGEST), observed))


def band(elapsed_us: int) -> str:
    """The band that a stretch of time falls into."""
    return next((name for limit, name in _BANDS if elapsed_us < limit), _LONGEST)


def techniques_seen(sources: Sources, period: Period) -> Figure:
    """Acted cases by LLM-themed technique."""
    held = (
        select(case_accounts.c.case_id, case_accounts.c.account_id)
        .join(actions, actions.c.case_id == case_accounts.c.case_id)
        .where(actions.c.approved_us >= period.from_us, actions.c.approved_us < period.to_us)
        .distinct()
    )
    cases_of: dict[str, set[str]] = {}
    for row in _rows(sources, held):
        cases_of.setdefault(row.account_id, set()).add(row.case_id)
    seen = {(case, technique) for account, technique in _techniques(sources) for case in cases_of.get(account, ())}
    return overlapping(_TECHNIQUES, tally((), [_named(technique) for _, technique in sorted(seen)]))


def _named(technique: str) -> str:
    known = llm_techniques().get(technique)
    return f"{technique} {known.name}" if known else technique


def _techniques(sources: Sources) -> Iterable[tuple[str, str]]:
    """Account and LLM-themed technique of every firing that counts (rules in shadow do not)."""
    table = sources.lake.read("detections", ["account_id", "techniques", "shadow"])
    columns = [table[name].to_pylist() for name in ("account_id", "techniques", "shadow")]
    for account, techniques, shadow in zip(*columns, strict=True):
        if not shadow:
            yield from ((account, technique) for technique in techniques or () if technique.startswith("LLM-"))


def _leading_hypotheses(sources: Sources, accounts: set[str]) -> dict[str, str]:
    """For each account the category of the leading hypothesis in its riskiest assessment."""
    found: dict[str, tuple[float, str]] = {}
    for row in sources.lake.read("assessments", ["account_ids", "hypotheses", "risk"]).to_pylist():
        leading = max(row["hypotheses"], key=lambda hypothesis: hypothesis["probability"], default=None)
        if leading is None:
            continue
        tracked = leading["kind"] == HypothesisKind.TRACKED_ACTOR
        category = HypothesisKind.TRACKED_ACTOR.value if tracked else str(leading["hypothesis"])
        for account in accounts.intersection(row["account_ids"]):
            found[account] = max(found.get(account, (-1.0, "")), (row["risk"], category))
    return {account: category for account, (_, category) in found.items()}


def _approved(period: Period) -> Select[tuple[str, str]]:
    return select(actions.c.account_id, actions.c.kind).where(
        actions.c.approved_us >= period.from_us, actions.c.approved_us < period.to_us
    )


def _by_gravest(rows: Sequence[Any]) -> dict[str, int]:
    gravest: dict[str, int] = {}
    for row in rows:
        rank = _GRAVITY.index(ActionKind(row.kind))
        gravest[row.account_id] = min(rank, gravest.get(row.account_id, rank))
    return tally([kind.value for kind in _GRAVITY], [_GRAVITY[rank].value for rank in gravest.values()])


def _rows(sources: Sources, query: Select[Any]) -> Sequence[Any]:
    with sources.database.read() as connection:
        return connection.execute(query).all()
