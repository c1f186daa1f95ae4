"""Counts failed attempts and says how long the next one has to wait; waiting grows, and always ends.

An attempt is counted before it is looked at and forgiven when it was right, so that many at once gain nothing. While
a bucket is closed nothing more is counted: who keeps trying cannot keep it closed for longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from stormwatch.model.errors import TooManyAttempts
from stormwatch.model.times import DAY, HOUR, MINUTE, SECOND
from stormwatch.storage.tables.credentials import failed_attempts

FORGOTTEN_US: Final = DAY


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free; the last of them closes for `first_us`, each further one for twice as long."""

    free: int
    first_us: int = MINUTE
    longest_us: int = HOUR

    def wait_us(self, failures: int) -> int:
        """How long a bucket closes after so many failures in a row."""
        beyond = failures - self.free
        return 0 if beyond < 0 else min(self.first_us << min(beyond, 20), self.longest_us)


# NIST SP 800-63B-4, section 3.2.2, wants at most 100 failures in a row; these reach 100 after four days of trying.
ACCOUNT: Final = Limit(5)
ADDRESS: Final = Limit(20)


def count_attempt(connection: Connection, buckets: Mapping[str, Limit], now: int) -> frozenset[str]:
    """Counts one attempt in each bucket and gives those that closed for the first time in a row of failures.

    Raises TooManyAttempts, counting nothing, while one of them is closed. Needs a write transaction.
    """
    connection.execute(delete(failed_attempts).where(failed_attempts.c.last_us < now - FORGOTTEN_US))
    query = select(failed_attempts).where(failed_attempts.c.bucket.in_(buckets))
    known = {row.bucket: row for row in connection.execute(query)}
    closed_until = max((row.closed_until_us for row in known.values()), default=0)
    if closed_until > now:
        raise too_many(closed_until - now)
    closed = set()
    for bucket, limit in buckets.items():
        failures = known[bucket].failures + 1 if bucket in known else 1
        values = {"failures": failures, "last_us": now, "closed_until_us": now + limit.wait_us(failures)}
        if bucket in known:
            connection.execute(update(failed_attempts).where(failed_attempts.c.bucket == bucket).values(**values))
        else:
            connection.execute(insert(failed_attempts).values(bucket=bucket, **values))
        if failures == limit.free:
            closed.add(bucket)
    return frozenset(closed)


def forgive(connection: Connection, *buckets: str) -> None:
    """Forgets the failures of buckets whose attempt turned out right."""
    connection.execute(delete(failed_attempts).where(failed_attempts.c.bucket.in_(buckets)))


def forgive_once(connection: Connection, bucket: str) -> None:
    """Takes back one counted attempt alone: a right one among many from an address does not excuse the others."""
    row = connection.execute(select(failed_attempts).where(failed_attempts.c.bucket == bucket)).first()
    if row is not None:
        values = {"failures": max(row.failures - 1, 0), "closed_until_us": 0}
        connection.execute(update(failed_attempts).where(failed_attempts.c.bucket == bucket).values(**values))


def too_many(wait_us: int) -> TooManyAttempts:
    """The answer while a bucket is closed."""
    minutes = -(-wait_us // (60 * SECOND))
    error = TooManyAttempts(
        "too many attempts failed", remedy=f"wait {minutes} minute{'s' if minutes != 1 else ''} and try again"
    )
    error.wait_us = wait_us
    return error
