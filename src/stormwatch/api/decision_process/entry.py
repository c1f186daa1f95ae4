"""One account's decisions in effect into the line of the list, and into the decision that counts at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from stormwatch.actions.decisions import SEVERITY
from stormwatch.api.decision_bodies import ListedDecision
from stormwatch.model.case import Decision, DecisionState
from stormwatch.model.times import optional_rfc3339, parse_rfc3339

_ENDLESS: Final = 1 << 63
LANE: Final = (1 << 64) - 1
"""Fingerprints add up modulo 2**64."""


class Held(NamedTuple):
    """What one action holds an account to, and until when in microseconds since the epoch; None: without an end."""

    state: str
    reason_code: str | None
    until_us: int | None


def line_of(account_id: str, held: Held, appeal_url: str | None) -> ListedDecision:
    """The account's line while this counts."""
    return ListedDecision(account_id, held.state, held.reason_code, appeal_url, optional_rfc3339(held.until_us))


def held_of(line: ListedDecision) -> Held:
    """What a line says, the other way round."""
    return Held(line.state, line.reason_code, None if line.until is None else parse_rfc3339(line.until))


def gravest(rows: Sequence[Held], now_us: int) -> Held | None:
    """The gravest that is not over, and of equals the one that ends last, as `actions.decisions` has it."""
    return max((row for row in rows if row.until_us is None or row.until_us > now_us), key=_weight, default=None)


def decision_of(account_id: str, held: Held | None, appeal_url: str | None) -> Decision:
    """The answer for an account; nothing held means allow."""
    if held is None:
        return Decision(account_id, DecisionState.ALLOW)
    return Decision(account_id, DecisionState(held.state), held.reason_code, appeal_url, held.until_us)


def fingerprint(account_id: str, held: Held) -> int:
    """64 bits of one row. The sum over all rows tells two lists apart and follows a change without a second reading."""
    text = "\0".join((account_id, held.state, held.reason_code or "", str(held.until_us)))
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _weight(held: Held) -> tuple[int, int]:
    return SEVERITY[DecisionState(held.state)], _ENDLESS if held.until_us is None else held.until_us
