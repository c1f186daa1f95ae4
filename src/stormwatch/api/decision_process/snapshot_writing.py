"""The decision list of the database into one file that answers by itself: lines of JSON, an index, a seal.

The file is: the list's lines, each ending in a comma and a line feed, in the order of account ids; five arrays of
64-bit numbers (keyed digests of the ids, ascending, with the offsets of their lines; ends of those that end, ascending,
with the offsets of their lines, and with what is left of the sum of fingerprints from each on); the seal as JSON; its
length; a mark.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection, func, or_, select
from sqlalchemy.engine import make_url

from stormwatch.api.decision_process.entry import Held, fingerprint, line_of
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.durability import sync_directory
from stormwatch.storage.tables.actions import decision_changes, decisions

MARK: Final = b"stormwatch-decisions-1\n"
END: Final = b",\n"
_ROWS_AT_ONCE: Final = 20_000


class Seal(msgspec.Struct, frozen=True):
    """What the file says of itself. `content` is the SHA-256 of all before the seal, `several` the accounts that more
    than one action holds, which have no line because the gravest may end before the others do.
    """

    snapshot_id: str
    source: str
    sequence: int
    read_us: int
    appeal_url: str | None
    lines: int
    lines_bytes: int
    timed: int
    endless_sum: int
    digest_key: bytes
    several: dict[str, tuple[Held, ...]]
    content: str


class _Index(NamedTuple):
    """What becomes the arrays: of each line, and of each that ends by itself."""

    digests: array[int]
    offsets: array[int]
    ends: array[int]
    end_offsets: array[int]
    fingerprints: array[int]


def write_snapshot(database: Database, file: Path, source: str, appeal_url: str | None) -> None:
    """Writes the list as it stands, whole or not at all: the former file stays until the new one is on disk."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")
    try:
        with database.read() as connection, draft.open("xb") as out:
            draft.chmod(0o600)
            _write(connection, out, source, appeal_url)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
        sync_directory(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def source_of(url: str) -> str:
    """A name for the database behind a URL, which tells it from others and gives no password away."""
    shown = make_url(url).set(query={}).render_as_string(hide_password=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def sequence_of(connection: Connection) -> int:
    """The number of the last change to the list."""
    return int(connection.execute(select(func.coalesce(func.max(decision_changes.c.sequence), 0))).scalar_one())


def digest(account_id: str, key: bytes) -> int:
    """64 keyed bits of an account id: the key keeps anyone from choosing ids that fall together."""
    encoded = account_id.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8, key=key).digest(), "little")


def _write(connection: Connection, out: IO[bytes], source: str, appeal_url: str | None) -> None:
    moment, sequence, key = now_us(), sequence_of(connection), secrets.token_bytes(16)
    hashed, written, total = hashlib.sha256(), 0, 0
    index, several = _Index(*(array("Q") for _ in range(5))), {}
    encoder = msgspec.json.Encoder()
    for account_id, rows in _accounts(connection, moment):
        if len(rows) > 1:
            several[account_id] = rows
            continue
        (held,) = rows
        line = encoder.encode(line_of(account_id, held, appeal_url)) + END
        index.digests.append(digest(account_id, key))
        index.offsets.append(written)
        if held.until_us is None:
            total += fingerprint(account_id, held)
        else:
            index.ends.append(held.until_us)
            index.end_offsets.append(written)
            index.fingerprints.append(fingerprint(account_id, held))
        written += len(line)
        hashed.update(line)
        out.write(line)
    for part in _arrays(index):
        hashed.update(part)
        out.write(part)
    seal = Seal(
        snapshot_id=secrets.token_hex(8),
        source=source,
        sequence=sequence,
        read_us=moment,
        appeal_url=appeal_url,
        lines=len(index.offsets),
        lines_bytes=written,
        timed=len(index.ends),
        endless_sum=total % (1 << 64),
        digest_key=key,
        several=several,
        content=hashed.hexdigest(),
    )
    encoded = msgspec.json.encode(seal)
    out.write(encoded + len(encoded).to_bytes(8, "little") + MARK)


def _accounts(connection: Connection, moment: int) -> Iterator[tuple[str, tuple[Held, ...]]]:
    columns = (decisions.c.account_id, decisions.c.state, decisions.c.reason_code, decisions.c.until_us)
    query = select(*columns).where(or_(decisions.c.until_us.is_(None), decisions.c.until_us > moment))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query.order_by(decisions.c.account_id))
    for account_id, found in groupby(rows, key=lambda row: str(row[0])):
        yield account_id, tuple(Held(row[1], row[2], row[3]) for row in found)


def _arrays(index: _Index) -> Iterable[bytes]:
    digests, offsets, ends, end_offsets, fingerprints = (np.frombuffer(each, dtype="<u8") for each in index)
    order = np.argsort(digests, kind="stable")
    yield digests[order].tobytes()
    yield offsets[order].tobytes()
    order = np.argsort(ends, kind="stable")
    with np.errstate(over="ignore"):
        left = np.cumsum(fingerprints[order][::-1], dtype="<u8")[::-1]
    yield ends[order].tobytes()
    yield end_offsets[order].tobytes()
    yield left.tobytes()
