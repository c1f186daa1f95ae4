"""The case database as the decision process reads it: never made, never changed, and noticed when it is moved away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from stormwatch.api.decision_process.entry import Held
from stormwatch.api.decision_process.snapshot_writing import sequence_of, source_of, write_snapshot
from stormwatch.model.errors import StormwatchError
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import decision_changes, decisions

_PATIENCE_MS: Final = 2000
_ACCOUNTS_AT_ONCE: Final = 500


class SourceAway(StormwatchError):
    """The database cannot be read now."""


class Source:
    """Reads of the decision list. A file that is gone is an error, where opening it would make an empty one."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.name: Final = source_of(url)
        self._file = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
        self._url = url if self._file is None else f"sqlite:///file:{self._file}?mode=rw&uri=true"
        self._database: Database | None = None
        self._inode: tuple[int, int] | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One moment of the database; SourceAway when it is gone, locked or does not answer."""
        try:
            with self._opened().read() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _away(error) from error

    def write_snapshot(self, file: Path, appeal_url: str | None) -> None:
        """The list as it stands, into a file; SourceAway as with `read`."""
        try:
            write_snapshot(self._opened(), file, self.name, appeal_url)
        except SQLAlchemyError as error:
            raise _away(error) from error

    def close(self) -> None:
        """Lets go of the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> Database:
        if self._file is not None:
            try:
                found = self._file.stat()
            except OSError as error:
                raise _away(error) from error
            if (found.st_dev, found.st_ino) != self._inode:  # another file by that name: what is open is the former
                self.close()
                self._inode = (found.st_dev, found.st_ino)
        if self._database is None:
            self._database = Database(self._url)
            if self._file is not None:
                event.listen(self._database.engine, "connect", _wait_little)
        return self._database


def changes_after(connection: Connection, sequence: int, most: int) -> tuple[int, dict[str, tuple[Held, ...]] | None]:
    """The newest sequence number, and the accounts changed after another with all that holds them; None: too many."""
    newest = sequence_of(connection)
    if newest == sequence:
        return newest, {}
    query = select(decision_changes.c.account_id).where(decision_changes.c.sequence > sequence).distinct()
    accounts = list(connection.execute(query.limit(most + 1)).scalars())
    if len(accounts) > most:
        return newest, None
    changed: dict[str, tuple[Held, ...]] = dict.fromkeys(accounts, ())
    for start in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
        rows = select(decisions).where(decisions.c.account_id.in_(accounts[start : start + _ACCOUNTS_AT_ONCE]))
        for row in connection.execute(rows):
            changed[row.account_id] += (Held(row.state, row.reason_code, row.until_us),)
    return newest, changed


def _away(error: Exception) -> SourceAway:
    said = str(getattr(error, "orig", None) or error)
    return SourceAway(f"the case database cannot be read: {' '.join(said.split())}")


def _wait_little(connection: Any, _record: Any) -> None:
    """Somebody else's lock is reported soon; the answers do not wait for it anyway."""
    connection.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
