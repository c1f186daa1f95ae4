"""Rows of the ledger into a list of what is wrong with them: changed, removed, inserted, moved, cut off, rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DBAPIError

from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.ledger.entry import ENTRY_ERASED, commitment_of, leaf_of
from stormwatch.ledger.seal import HeadSeal
from stormwatch.ledger.tree import RightEdge
from stormwatch.model.errors import StormwatchError
from stormwatch.storage.tables.ledger import ledger, ledger_head, ledger_salts

_MAX_FLAWS: Final = 100
_PAGE: Final = 1000


class Problem(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    MOVED = "moved"
    HEAD = "head"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong, with the number of the row where there is one."""

    problem: Problem
    sequence: int | None
    explanation: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of the whole log found; `flaws` are in the order of the rows, at most 100."""

    size: int
    root: str
    erased: int
    flaws: tuple[Flaw, ...]
    checkpoint_size: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.flaws

    @property
    def explanation(self) -> str:
        """One sentence for people."""
        if self.flaws:
            more = f" (and {len(self.flaws) - 1} more)" if len(self.flaws) > 1 else ""
            return f"the ledger is broken: {self.flaws[0].explanation}{more}"
        since = "" if self.checkpoint_size is None else f", and continues the checkpoint of {self.checkpoint_size}"
        return f"the ledger is whole: {self.size} entries, root {self.root}{since}"


def verify_rows(
    connection: Connection, public_key: str, seal: HeadSeal, checkpoints: Sequence[Checkpoint]
) -> VerifyReport:
    """Walks the log once in constant memory; `seal` guards its head, `public_key` belongs to its checkpoints."""
    walk = _Walk(frozenset(checkpoint.size for checkpoint in checkpoints))
    try:
        for row in _rows(connection):
            walk.take(row)
    except (DBAPIError, UnicodeDecodeError):
        walk.flag(Problem.CHANGED, walk.last + 1, f"what follows row {walk.last} cannot be read from the database")
    walk.check_erasures()
    walk.name_moves()
    walk.check_head(connection.execute(select(ledger_head)).first(), seal)
    for checkpoint in checkpoints:
        walk.check_checkpoint(checkpoint, public_key)
    size = max((checkpoint.size for checkpoint in checkpoints), default=None)
    return VerifyReport(walk.last, walk.edge.root.hex(), len(walk.erased), tuple(walk.flaws), size)


def _rows(connection: Connection) -> Iterator[Row[tuple[object, ...]]]:
    joined = ledger.outerjoin(ledger_salts, ledger.c.sequence == ledger_salts.c.sequence)
    query = select(ledger, ledger_salts.c.salt).select_from(joined).order_by(ledger.c.sequence)
    yield from connection.execution_options(yield_per=_PAGE).execute(query)


@dataclass
class _Walk:
    """Where the walk stands: the tree rebuilt so far and what was found."""

    noted_sizes: frozenset[int]
    edge: RightEdge = field(default_factory=RightEdge)
    last: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    erased: set[int] = field(default_factory=set)
    erasures: set[str] = field(default_factory=set)
    suspects: dict[int, Row[tuple[object, ...]]] = field(default_factory=dict)
    roots: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._note_root()

    def flag(self, problem: Problem, sequence: int | None, explanation: str) -> None:
        if len(self.flaws) < _MAX_FLAWS:
            self.flaws.append(Flaw(problem, sequence, explanation))

    def take(self, row: Row[tuple[object, ...]]) -> None:
        number = row.sequence
        if not isinstance(number, int) or number <= self.last:
            self.flag(Problem.INSERTED, None, f"a row numbered {number!r} was inserted")
            return
        for missing in range(self.last + 1, min(number, self.last + 1 + _MAX_FLAWS)):
            self.flag(Problem.REMOVED, missing, f"row {missing} was removed")
        self.last = number
        leaf = _leaf(row)
        if not self._committed(row) or leaf is None or leaf.hex() != row.leaf_hash:
            self._suspect(row)
        self._grow(row, leaf)
        if row.kind == ENTRY_ERASED:
            self.erasures.add(row.subject)

    def _suspect(self, row: Row[tuple[object, ...]]) -> None:
        self.flag(Problem.CHANGED, row.sequence, f"row {row.sequence} ({row.kind}) is not what was recorded")
        if len(self.suspects) < _MAX_FLAWS:
            self.suspects[row.sequence] = row

    def _committed(self, row: Row[tuple[object, ...]]) -> bool:
        if row.salt is None:
            self.erased.add(row.sequence)
            return bool(row.subject == "" and row.body == "")
        try:
            return bool(commitment_of(row.salt, row.subject, row.body) == row.commitment)
        except (TypeError, ValueError, StormwatchError):
            return False

    def _grow(self, row: Row[tuple[object, ...]], leaf: bytes | None) -> None:
        candidates = [leaf] if leaf is not None else []
        recorded = _from_hex(row.leaf_hash)
        if recorded is not None and recorded != leaf:
            candidates.append(recorded)
        grown = [self.edge.append(candidate) for candidate in candidates]
        fitting = [edge for edge in grown if edge.root.hex() == row.head]
        if not fitting and not self.flaws:
            self.flag(Problem.CHANGED, self.last, f"the tree head of row {self.last} does not follow from the rows")
        if grown:
            self.edge = (fitting or grown[-1:])[0]
        self._note_root()

    def _note_root(self) -> None:
        if self.edge.size in self.noted_sizes:
            self.roots[self.edge.size] = self.edge.root.hex()

    def check_erasures(self) -> None:
        for number in sorted(self.erased):
            if str(number) not in self.erasures:
                self.flag(Problem.CHANGED, number, f"row {number} lost its salt without a recorded erasure")

    def name_moves(self) -> None:
        """Says of a changed row whether it is one that was recorded under another number."""
        for place, flaw in enumerate(self.flaws):
            row = self.suspects.get(flaw.sequence or 0)
            if row is None or flaw.problem is not Problem.CHANGED:
                continue
            for number in {*self.suspects, row.sequence - 1, row.sequence + 1} - {row.sequence}:
                leaf = _leaf(row, number)
                if leaf is not None and leaf.hex() == row.leaf_hash:
                    text = f"row {row.sequence} holds what was recorded as row {number}"
                    self.flaws[place] = Flaw(Problem.MOVED, row.sequence, text)

    def check_head(self, row: Row[tuple[object, ...]] | None, seal: HeadSeal) -> None:
        if row is None:
            if self.last:
                self.flag(Problem.HEAD, None, "the record of the tree's head was removed")
            return
        sealed = seal.open(row)
        if sealed is None:
            self.flag(Problem.HEAD, None, "the record of the tree's head was changed")
        elif sealed.size > self.last:
            for missing in range(self.last + 1, min(sealed.size + 1, self.last + 1 + _MAX_FLAWS)):
                self.flag(Problem.REMOVED, missing, f"row {missing} was removed from the end")
        elif sealed.size < self.last:
            self.flag(Problem.INSERTED, sealed.size + 1, f"row {sealed.size + 1} was inserted after the end")
        elif sealed != self.edge and not self.flaws:
            self.flag(Problem.HEAD, None, "the rows do not make up the recorded head; the history was rewritten")

    def check_checkpoint(self, checkpoint: Checkpoint, public_key: str) -> None:
        if not checkpoint.is_signed:
            self.flag(Problem.CHECKPOINT, None, "the checkpoint's signature does not fit its content")
        elif checkpoint.public_key != public_key:
            self.flag(Problem.CHECKPOINT, None, "the checkpoint was signed by another installation or another key")
        elif checkpoint.size > self.last:
            text = f"the checkpoint counts {checkpoint.size} entries and only {self.last} are left: the end was cut off"
            self.flag(Problem.CHECKPOINT, self.last + 1, text)
        elif self.roots.get(checkpoint.size) != checkpoint.root:
            text = f"the first {checkpoint.size} rows are not those of the checkpoint: the history was rewritten"
            self.flag(Problem.CHECKPOINT, None, text)


def _leaf(row: Row[tuple[object, ...]], number: int | None = None) -> bytes | None:
    try:
        return leaf_of(row.sequence if number is None else number, row.time_us, row.kind, row.actor, row.commitment)
    except (TypeError, StormwatchError):
        return None


def _from_hex(text: object) -> bytes | None:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return None
