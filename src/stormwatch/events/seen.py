"""Which (collector, event_id) were seen in the last seven days, with which content: one SQLite file per arrival day."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from stormwatch.model.times import DAY, day_of

DAYS_KEPT: Final = 7
_CHUNK: Final = 512
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS seen (key BLOB NOT NULL, content BLOB NOT NULL, PRIMARY KEY (key, content)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS applied (log TEXT PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
"""
_LOOKUP: Final = f"SELECT key, content FROM seen WHERE key IN ({','.join('?' * _CHUNK)})"  # noqa: S608 - only marks
_APPLY: Final = "INSERT INTO applied VALUES (?, ?) ON CONFLICT (log) DO UPDATE SET length = excluded.length"


class SeenIndex:
    """Exact within DAYS_KEPT days of arrival. It can be rebuilt from the log and says how far it has followed it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._days: dict[str, sqlite3.Connection] = {}

    def contents(self, keys: Sequence[bytes], now_us: int) -> dict[bytes, set[bytes]]:
        """For those of the keys that were seen: the hashes of the contents they came with."""
        found: dict[bytes, set[bytes]] = {}
        for day in self._existing(now_us):
            connection = self._connection(day)
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                padded = [*chunk, *([chunk[-1]] * (_CHUNK - len(chunk)))]
                for key, content in connection.execute(_LOOKUP, padded):
                    found.setdefault(key, set()).add(content)
        return found

    def add(self, pairs: Iterable[tuple[bytes, bytes]], now_us: int, log: str, length: int) -> None:
        """Remembers keys with contents, and that the index now holds the log file up to `length`, in one step."""
        connection = self._connection(day_of(now_us))
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # Sorted keys touch neighbouring pages of the tree one after the other.
            connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", sorted(pairs))
            connection.execute(_APPLY, (log, length))

    def applied(self, now_us: int) -> Mapping[str, int]:
        """How far each log file has been taken in."""
        lengths: dict[str, int] = {}
        for day in self._existing(now_us):
            for log, length in self._connection(day).execute("SELECT log, length FROM applied"):
                lengths[log] = max(length, lengths.get(log, 0))
        return lengths

    def expire(self, now_us: int) -> None:
        """Removes the days that are no longer asked."""
        oldest = day_of(now_us - DAYS_KEPT * DAY)
        for path in self._folder.glob("seen-*.sqlite"):
            day = path.stem.removeprefix("seen-")
            if day < oldest:
                self._close(day)
                self._remove(day)

    def sync(self) -> None:
        """Brings what was added to disk for good, so that log files may go."""
        for connection in self._days.values():
            connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def close(self) -> None:
        """Closes the files."""
        for day in list(self._days):
            self._close(day)

    def _existing(self, now_us: int) -> list[str]:
        days = [day_of(now_us - back * DAY) for back in range(DAYS_KEPT + 1)]
        return [day for day in days if day in self._days or self._path(day).exists()]

    def _path(self, day: str) -> Path:
        return self._folder / f"seen-{day}.sqlite"

    def _connection(self, day: str) -> sqlite3.Connection:
        if day not in self._days:
            try:
                self._days[day] = self._open(day)
            except sqlite3.DatabaseError:
                # Damaged beyond opening. The log brings back what is not yet compacted, compaction finds the rest.
                self._remove(day)
                self._days[day] = self._open(day)
        return self._days[day]

    def _open(self, day: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path(day), timeout=60, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # Commits survive the death of the process; after a power failure the log brings back what is missing.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-65536")
            connection.executescript(_TABLES)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _remove(self, day: str) -> None:
        path = self._path(day)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _close(self, day: str) -> None:
        connection = self._days.pop(day, None)
        if connection is not None:
            connection.close()
