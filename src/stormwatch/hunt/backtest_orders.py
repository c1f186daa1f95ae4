"""A rule's text, a window and a reason to the order of a backtest, on the ledger before anything is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from stormwatch.access.acting import acting_person
from stormwatch.detections.history import Window
from stormwatch.ledger.canonical import JSON
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import InvalidInput
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import DAY, format_rfc3339, now_us
from stormwatch.storage.database import Database

MOST_DAYS: Final = 92
LONGEST_RULE: Final = 200_000
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class BacktestOrder:
    """What is tried, on which stretch of history, by whom and why; `rule_id` is the rule whose page it came from."""

    order_id: str
    by: str
    text: str
    rule_id: str
    since_us: int
    until_us: int
    reason: str
    ordered_us: int

    @property
    def window(self) -> Window:
        """The stretch of history."""
        return Window(self.since_us, self.until_us)


def order_backtest(
    database: Database, ledger: Ledger, by: Principal, *, text: str, window: Window, reason: str, rule_id: str = ""
) -> BacktestOrder:
    """The order of a detection engineer; a rule of their own making says which texts hold a word, so it is recorded.

    Forbidden for others; InvalidInput without a reason, for a window without bounds or of over 92 days, or no rule.
    """
    since_us, until_us = _bounds(window)
    if not text.strip() or len(text) > LONGEST_RULE:
        raise InvalidInput(f"a rule of at most {LONGEST_RULE:,} characters is needed", where="rule", remedy="paste one")
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise InvalidInput("a backtest needs a short reason", where="reason", remedy="say what it is to show")
    order_id = new_id("backtest")
    with database.write() as connection:
        person = acting_person(connection, by, Role.DETECTION_ENGINEER)
        body: dict[str, JSON] = {
            "rule_sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            "since": format_rfc3339(since_us),
            "until": format_rfc3339(until_us),
            "reason": reason.strip(),
        }
        if rule_id:
            body["rule_id"] = rule_id
        ledger.append(connection, "rule.backtested", person.person_id, order_id, body)
    return BacktestOrder(order_id, person.person_id, text, rule_id, since_us, until_us, reason.strip(), now_us())


def _bounds(window: Window) -> tuple[int, int]:
    since_us, until_us = window.since_us, window.until_us
    if since_us is None or until_us is None or not 0 < until_us - since_us <= MOST_DAYS * DAY:
        raise InvalidInput(
            f"a backtest looks at one to {MOST_DAYS} days", where="days", remedy="give the first day and the last"
        )
    return since_us, until_us
