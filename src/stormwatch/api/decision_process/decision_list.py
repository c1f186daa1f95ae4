"""A snapshot and what changed since, together: the decision on an account, the whole list, and its ETag."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stormwatch.api.decision_process.entry import LANE, Held, decision_of, fingerprint, gravest, line_of
from stormwatch.api.decision_process.snapshot import Snapshot
from stormwatch.api.decision_process.snapshot_writing import END
from stormwatch.model.case import Decision
from stormwatch.model.times import now_us as present

_HEAD: Final = b'{"decisions":['
_FOOT: Final = b"]}"
_ACCOUNTS_A_PIECE: Final = 500
_FOR_EVER: Final = 1 << 62

Changes = Mapping[str, tuple[Held, ...]]
"""Accounts to all that holds them from now on; none: the account is let in again."""


@dataclass(frozen=True)
class Overlay:
    """What a list adds to its snapshot. `rows` are the accounts that the snapshot has no line for, or whose line counts
    no more, `changed` those of them that changed since; `holes` are these lines, offset to length. The sum is what
    `rows` add to that of the snapshot's fingerprints; what ends by itself stands apart, with its end.
    """

    sequence: int
    rows: Changes
    changed: Changes = field(default_factory=dict)
    holes: Mapping[int, int] = field(default_factory=dict)
    endless_sum: int = 0
    timed: tuple[tuple[int, int], ...] = ()


class DecisionList:
    """The list at one moment of the database. It does not change: `after` makes the next one.

    A change costs what it concerns and not what the list is long, so that a list of a million can change all day.
    """

    def __init__(self, snapshot: Snapshot, overlay: Overlay | None = None) -> None:
        self.snapshot: Final = snapshot
        self.overlay: Final = overlay or _nothing_changed(snapshot)
        self._etag = (0, "")

    def after(self, changes: Changes, sequence: int) -> DecisionList:
        """The list once these accounts changed, as of a sequence number of the database."""
        now = self.overlay
        holes, timed, total = dict(now.holes), list(now.timed), now.endless_sum
        for account_id, held in changes.items():
            before = now.rows.get(account_id)
            if before is None:
                found = self.snapshot.find(account_id)
                before = () if found is None else (found.held,)
                if found is not None:
                    holes[found.offset] = found.length
            total += _endless(account_id, held) - _endless(account_id, before)
            timed += [*_timed(account_id, before, -1), *_timed(account_id, held, 1)]
        rows, changed = {**now.rows, **changes}, {**now.changed, **changes}
        return DecisionList(self.snapshot, Overlay(sequence, rows, changed, holes, total, tuple(timed)))

    def decide(self, account_id: str, now_us: int | None = None) -> Decision:
        """What counts for an account."""
        rows = self.overlay.rows.get(account_id)
        if rows is None:
            found = self.snapshot.find(account_id)
            rows = () if found is None else (found.held,)
        held = gravest(rows, present() if now_us is None else now_us) if rows else None
        return decision_of(account_id, held, self.snapshot.seal.appeal_url)

    def etag(self, now_us: int | None = None) -> str:
        """The same for the same list and another for another, also from process to process."""
        moment = present() if now_us is None else now_us
        good_until, tag = self._etag
        if moment >= good_until:
            timed = sum(weight for end, weight in self.overlay.timed if end > moment)
            total = (self.snapshot.sum_at(moment) + self.overlay.endless_sum + timed) & LANE
            text = f"{total}\0{self.snapshot.seal.appeal_url or ''}"
            tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
            self._etag = (self.next_end(moment) or _FOR_EVER, tag)
        return tag

    def next_end(self, now_us: int) -> int | None:
        """When the next decision ends by itself, in microseconds since the epoch."""
        first = self.snapshot.next_end(now_us)
        ends = [end for end, _ in self.overlay.timed if end > now_us]
        return min(ends if first is None else [*ends, first], default=None)

    def accounts(self) -> int:
        """How many accounts are listed, with those whose decision has ended since the snapshot was made."""
        return self.snapshot.seal.lines - len(self.overlay.holes) + sum(map(bool, self.overlay.rows.values()))

    def body(self, now_us: int | None = None) -> Iterator[bytes]:
        """The whole list as one JSON object, in small pieces."""
        moment = present() if now_us is None else now_us
        holes = dict(self.overlay.holes)
        holes.update((offset, self.snapshot.line_length(offset)) for offset in self.snapshot.over(moment))
        yield _HEAD
        held_back = b""  # the last ending is left out
        for pieces in (self.snapshot.pieces(sorted(holes.items())), self._lines(moment)):
            for piece in pieces:
                waiting = held_back + piece
                yield waiting[: -len(END)]
                held_back = waiting[-len(END) :]
        yield _FOOT

    def _lines(self, moment: int) -> Iterator[bytes]:
        lines: list[bytes] = []
        for account_id, rows in self.overlay.rows.items():
            held = gravest(rows, moment)
            if held is not None:
                lines.append(msgspec.json.encode(line_of(account_id, held, self.snapshot.seal.appeal_url)) + END)
            if len(lines) == _ACCOUNTS_A_PIECE:
                yield b"".join(lines)
                lines.clear()
        yield b"".join(lines)


def _nothing_changed(snapshot: Snapshot) -> Overlay:
    several = snapshot.seal.several
    timed = tuple(each for account_id, rows in several.items() for each in _timed(account_id, rows, 1))
    total = sum(_endless(account_id, rows) for account_id, rows in several.items())
    return Overlay(snapshot.seal.sequence, several, endless_sum=total, timed=timed)


def _endless(account_id: str, rows: tuple[Held, ...]) -> int:
    return sum(fingerprint(account_id, held) for held in rows if held.until_us is None)


def _timed(account_id: str, rows: tuple[Held, ...], sign: int) -> list[tuple[int, int]]:
    return [(held.until_us, sign * fingerprint(account_id, held)) for held in rows if held.until_us is not None]
