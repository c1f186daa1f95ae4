"""Puts a report together: derives the figures, suppresses, commits, and adds method, blind spots and others' words."""

from __future__ import annotations

from typing import Final

import stormwatch
from stormwatch.config import Settings
from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.model.times import format_rfc3339, now_us
from stormwatch.reports.appeals import appeal_figures
from stormwatch.reports.coverage import blind_spots
from stormwatch.reports.enforcement import enforcement_figures
from stormwatch.reports.figures import Figure, Period, commitment
from stormwatch.reports.oversight import oversight_figures
from stormwatch.reports.plain_text import plain
from stormwatch.reports.published import list_publications
from stormwatch.reports.report import FORMAT, Report, Statement
from stormwatch.reports.sources import Sources
from stormwatch.reports.statements import Statements
from stormwatch.reports.suppression import LOWEST_MINIMUM, suppress

_UNCALIBRATED: Final = "simulated worlds"

METHOD: Final = (
    "Leads from partners, rules on content and conduct of accounts are weighed as evidence; each piece is kept with "
    "its innocent explanation and with how common it is among all accounts.",
    "Accounts are linked over rare things they share. Language, country and hours never raise an account's risk.",
    "Who is behind an account is a matter of odds. An unknown actor, abuse without a state behind it, a stolen account "
    "and an innocent user are always among the hypotheses.",
    "No account is actioned by software. One person proposes, a different one approves exactly the accounts and the "
    "evidence shown, and every action can be reversed.",
    "Periods of reports do not overlap, so that the difference of two reports gives nothing away.",
)


def build_report(sources: Sources, settings: Settings, period: Period, statements: Statements) -> Report:
    """The report of a period from what the stores hold now, ready for the public."""
    checkpoint = sources.ledger.checkpoint()
    minimum = max(settings.minimum_count, LOWEST_MINIMUM)
    figures = public_figures(sources, period, minimum, checkpoint)
    return Report(
        format=FORMAT,
        provider=plain(settings.provider_name),
        software=f"Stormwatch {stormwatch.__version__}",
        period_from=period.first,
        period_to=period.end,
        built_time=format_rfc3339(now_us()),
        minimum_count=minimum,
        calibrated_on=_calibrated_on(sources),
        figures=figures,
        commitments=tuple(commitment(figure, period) for figure in figures),
        checkpoint=checkpoint,
        method=METHOD,
        blind_spots=(*blind_spots(sources.lake), *statements.blind_spots),
        summary=statements.summary,
        responses=statements.responses,
        dissents=statements.dissents,
        corrections=(*_replaced(sources, settings, period), *statements.corrections),
    )


def public_figures(sources: Sources, period: Period, minimum: int, checkpoint: Checkpoint) -> tuple[Figure, ...]:
    """Every figure of the report in its order, small counts suppressed."""
    figures = (
        *enforcement_figures(sources, period),
        *appeal_figures(sources, period),
        *oversight_figures(sources, period, checkpoint),
    )
    return tuple(suppress(figure, minimum) for figure in figures)


def _replaced(sources: Sources, settings: Settings, period: Period) -> tuple[Statement, ...]:
    """Says of each earlier publication for the same period that this report replaces it."""
    with sources.database.read() as connection:
        earlier = [found for found in list_publications(connection) if found.period == period]
    return tuple(
        Statement(
            by=plain(settings.provider_name),
            date=format_rfc3339(found.published_us),
            text="This report replaces the one published for the same period on that day.",
            source=found.publication_id,
        )
        for found in earlier
    )


def _calibrated_on(sources: Sources) -> tuple[str, ...]:
    named = sources.lake.read("assessments", ["calibrated_on"])["calibrated_on"].unique().to_pylist()
    return tuple(sorted(name for name in named if name)) or (_UNCALIBRATED,)
