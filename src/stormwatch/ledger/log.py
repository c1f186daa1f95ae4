"""The append-only log: each deed becomes a row of the case database and a leaf of a Merkle tree at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, Row, func, insert, select, update

from stormwatch.ledger.canonical import JSON, canonical_json
from stormwatch.ledger.checkpoint import Checkpoint, CheckpointSigner
from stormwatch.ledger.entry import ENTRY_ERASED, LedgerEntry, commitment_of, leaf_of
from stormwatch.ledger.proof_files import ConsistencyFile, InclusionFile, Opening
from stormwatch.ledger.proofs import consistency_proof, inclusion_proof, tree_head
from stormwatch.ledger.seal import HeadSeal
from stormwatch.ledger.tree import RightEdge
from stormwatch.ledger.verification import VerifyReport, verify_rows
from stormwatch.model.errors import Conflict, IntegrityError, InvalidInput, NotFound
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database, is_write
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.ledger import ledger, ledger_head, ledger_salts

SYSTEM: Final = "system"
_SALT_BYTES: Final = 32
_PAGE: Final = 1000


class Ledger:
    """Rows that can be added and checked but not changed. The head is sealed with a key that the database lacks."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._signer = CheckpointSigner(keyring)
        self._seal = HeadSeal(keyring)

    def append(self, connection: Connection, kind: str, by: str, subject: str, body: Mapping[str, JSON]) -> LedgerEntry:
        """Records a deed inside the caller's write transaction, so that deed and record stand or fall together.

        `kind` reads noun.verb (`role.changed`); `by` is a person_id, token_id or SYSTEM. Raises IntegrityError when the
        head was changed from outside: nothing may be decided that cannot be recorded.
        """
        if not is_write(connection):
            raise Conflict("a ledger entry was asked for outside a write transaction", where=kind)
        for text in (kind, by, subject):
            _require_storable(text)
        edge = self._edge(connection)
        sequence, time_us, text, salt = edge.size + 1, now_us(), canonical_json(body), secrets.token_hex(_SALT_BYTES)
        commitment = commitment_of(salt, subject, text)
        leaf = leaf_of(sequence, time_us, kind, by, commitment)
        grown = edge.append(leaf)
        values = {
            "sequence": sequence,
            "time_us": time_us,
            "kind": kind,
            "actor": by,
            "subject": subject,
            "body": text,
            "commitment": commitment,
            "leaf_hash": leaf.hex(),
            "head": grown.root.hex(),
        }
        connection.execute(insert(ledger).values(values))
        connection.execute(insert(ledger_salts).values(sequence=sequence, salt=salt))
        self._keep(connection, grown)
        return LedgerEntry(
            sequence, time_us, kind, by, subject, json.loads(text), commitment, leaf.hex(), grown.root.hex()
        )

    def erase(self, connection: Connection, sequence: int, by: str, reason: str) -> LedgerEntry:
        """Forgets what entry `sequence` said: subject, body and salt go, the commitment stays and proves nothing more.

        The erasure is an entry itself; without it `verify` reports the row as tampered with.
        """
        row = connection.execute(select(ledger.c.kind, ledger.c.body).where(ledger.c.sequence == sequence)).first()
        if row is None:
            raise NotFound(f"the ledger has no entry {sequence}")
        if row.kind == ENTRY_ERASED or row.body == "":
            raise Conflict(f"entry {sequence} records an erasure or is erased already")
        connection.execute(ledger_salts.delete().where(ledger_salts.c.sequence == sequence))
        connection.execute(update(ledger).where(ledger.c.sequence == sequence).values(subject="", body=""))
        return self.append(connection, ENTRY_ERASED, by, str(sequence), {"reason": reason})

    def entries(
        self, *, kind: str | None = None, subject: str | None = None, after: int = 0, limit: int | None = None
    ) -> Iterator[LedgerEntry]:
        """Entries in order, those after number `after`, of one kind or on one subject if asked."""
        query = select(ledger).where(ledger.c.sequence > after).order_by(ledger.c.sequence).limit(limit)
        if kind is not None:
            query = query.where(ledger.c.kind == kind)
        if subject is not None:
            query = query.where(ledger.c.subject == subject)
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(query):
                yield _entry(row)

    def head(self, connection: Connection) -> RightEdge:
        """Size and root of the tree at the moment of the transaction."""
        return self._edge(connection)

    def checkpoint(self) -> Checkpoint:
        """The present head, signed, to be kept where those who run this database cannot change it."""
        with self._database.read() as connection:
            edge = self._edge(connection)
        return self._signer.sign(edge.size, edge.root.hex(), now_us())

    @property
    def public_key(self) -> str:
        """The key that checkpoints are checked with, base64; an outsider must know it from elsewhere."""
        return self._signer.public_key

    def verify(self, *checkpoints: Checkpoint) -> VerifyReport:
        """Recomputes every row; with checkpoints also whether the present log continues those they were made of."""
        with self._database.read() as connection:
            return verify_rows(connection, self._signer.public_key, self._seal, checkpoints)

    def prove_inclusion(self, sequence: int, *, opened: bool = False) -> InclusionFile:
        """What shows an outsider that entry `sequence` is in the log; `opened` also tells what it says.

        NotFound when there is no such entry, or none left to open.
        """
        with self._database.read() as connection:
            checkpoint, leaves = self._whole(connection)
            row = connection.execute(select(ledger).where(ledger.c.sequence == sequence)).first()
            if row is None:
                raise NotFound(f"the ledger has no entry {sequence}")
            salt = connection.execute(
                select(ledger_salts.c.salt).where(ledger_salts.c.sequence == sequence)
            ).scalar_one_or_none()
        if opened and salt is None:
            raise NotFound(f"entry {sequence} was erased, so it cannot be opened", remedy="prove it without opening")
        return InclusionFile(
            checkpoint=checkpoint,
            sequence=sequence,
            time_us=row.time_us,
            kind=row.kind,
            actor=row.actor,
            commitment=row.commitment,
            path=tuple(node.hex() for node in inclusion_proof(sequence - 1, leaves)),
            opening=Opening(str(salt), row.subject, row.body) if opened else None,
        )

    def prove_consistency(self, first: Checkpoint) -> ConsistencyFile:
        """What shows an outsider that the present log continues an earlier checkpoint.

        Conflict when it does not, or when the checkpoint is that of nothing.
        """
        with self._database.read() as connection:
            second, leaves = self._whole(connection)
        if not 0 < first.size <= len(leaves) or tree_head(leaves[: first.size]).hex() != first.root:
            raise Conflict(
                "the log does not continue this checkpoint, so nothing can be proved",
                remedy="run `stormwatch audit verify` against it",
            )
        return ConsistencyFile(first, second, tuple(node.hex() for node in consistency_proof(first.size, leaves)))

    def _whole(self, connection: Connection) -> tuple[Checkpoint, list[bytes]]:
        """The present head, signed, and the leaves below it; IntegrityError where they do not make it up."""
        edge = self._edge(connection)
        hashes = connection.execute(select(ledger.c.leaf_hash).order_by(ledger.c.sequence)).scalars()
        leaves = [bytes.fromhex(leaf) for leaf in hashes]
        if tree_head(leaves) != edge.root:
            raise IntegrityError("the rows do not make up the ledger's head", remedy="run `stormwatch audit verify`")
        return self._signer.sign(edge.size, edge.root.hex(), now_us()), leaves

    def _edge(self, connection: Connection) -> RightEdge:
        row = connection.execute(select(ledger_head)).first()
        if row is None:
            if connection.execute(select(func.count()).select_from(ledger)).scalar_one():
                raise _changed_head()
            return RightEdge()
        edge = self._seal.open(row)
        if edge is None:
            raise _changed_head()
        return edge

    def _keep(self, connection: Connection, edge: RightEdge) -> None:
        columns = self._seal.close(edge)
        if edge.size == 1:
            connection.execute(insert(ledger_head).values(id=1, **columns))
        else:
            connection.execute(update(ledger_head).values(**columns))


def _entry(row: Row[tuple[object, ...]]) -> LedgerEntry:
    return LedgerEntry(
        row.sequence,
        row.time_us,
        row.kind,
        row.actor,
        row.subject,
        json.loads(row.body or "{}"),
        row.commitment,
        row.leaf_hash,
        row.head,
    )


def _require_storable(text: str) -> None:
    if "\x00" in text or text.encode(errors="replace").decode() != text:
        raise InvalidInput("a ledger entry names something with characters that no database stores", where=repr(text))


def _changed_head() -> IntegrityError:
    return IntegrityError(
        "the ledger's head was changed from outside, so nothing more can be recorded",
        remedy="run `stormwatch audit verify`, then restore the database from a backup",
    )
