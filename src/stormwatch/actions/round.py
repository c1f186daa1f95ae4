"""One round of what goes on by itself: embargoes that end, actions that run out, orders that are due at gateways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stormwatch.actions.delivery import DeliveryReport, Effort, deliver
from stormwatch.actions.embargo import Release, release_due
from stormwatch.actions.ending import end_what_is_over
from stormwatch.actions.ports import Gateway
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Action
from stormwatch.model.progress import ProgressReport
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    release: Release
    ended: tuple[Action, ...]
    delivery: DeliveryReport


def go_round(
    database: Database,
    ledger: Ledger,
    lake: Lake,
    gateways: Sequence[Gateway],
    effort: Effort,
    progress: ProgressReport | None = None,
) -> Round:
    """Does all of it once; safe at any time, from several processes, and after a death in the middle of one."""
    released = release_due(database, ledger, lake)
    ended = end_what_is_over(database, ledger)
    return Round(released, ended, deliver(database, ledger, gateways, effort=effort, progress=progress))
