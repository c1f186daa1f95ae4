"""The decision process itself, started as operators start it: it outlives the database, and a restart without it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from command_line import stormwatch
from review_floor import Floor
from serving import Served, deciding
from stormwatch.model.principal import Scope

_PATIENCE_SECONDS = 60.0
# Nobody else can even read then; `locking_mode` makes SQLite hold the lock on the file itself.
_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA locking_mode=EXCLUSIVE")
database.execute("BEGIN EXCLUSIVE")
database.execute("INSERT INTO decision_changes (account_id) VALUES ('never committed')")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.long
def test_it_answers_while_the_database_is_locked_or_gone_and_after_a_restart_without_it(
    floor: Floor, tmp_path: Path
) -> None:
    runtime = floor.runtime
    home, file = runtime.settings.home, runtime.settings.home / "stormwatch.db"
    token = runtime.access.machine_token(floor.people["administrator"], "gateway", [Scope.DECIDE])
    runtime.database.close()
    suspend(file, "before")

    with deciding(home, tmp_path / "log") as server:
        assert ask(server, token, "before") == 403
        suspend(file, "during")
        until(lambda: ask(server, token, "during") == 403)

    with ExitStack() as stack:
        lock = stack.enter_context(ExitStack())
        lock.enter_context(locked(file))
        server = stack.enter_context(deciding(home, tmp_path / "log"))
        until(lambda: figure(server, "followed") == 0)
        assert [ask(server, token, who) for who in ("before", "during", "nobody")] == [403, 403, 204]
        assert ask(server, "wrong", "nobody") == 401
        lock.close()
        until(lambda: figure(server, "followed") == 1)
        away = file.rename(tmp_path / "moved-away.db")
        until(lambda: figure(server, "followed") == 0)
        assert [ask(server, token, who) for who in ("before", "during", "nobody")] == [403, 403, 204]
        until(lambda: age(server, token) >= 1)

    with deciding(home, tmp_path / "log") as server:
        assert [ask(server, token, who) for who in ("before", "during", "nobody")] == [403, 403, 204]
        assert len(httpx.get(server.url + "/v1/decisions", headers=bearer(token)).json()["decisions"]) == 2
        assert figure(server, "followed") == 0
        assert not file.exists(), "looking for a database must not make one"
        away.rename(file)
        lift(file, "before")
        until(lambda: ask(server, token, "before") == 204)
        assert (ask(server, token, "during"), age(server, token)) == (403, 0)


def test_what_happens_before_the_first_list_must_be_chosen(home: Path) -> None:
    called = stormwatch("decide", environment={"STORMWATCH_HOME": str(home)})
    assert called.returncode == 2
    assert "--when-unknown" in called.stderr


def suspend(file: Path, account: str) -> None:
    change(file, "INSERT INTO decisions VALUES (?1, ?1, 'suspended', 'fraud', NULL)", account)


def lift(file: Path, account: str) -> None:
    change(file, "DELETE FROM decisions WHERE account_id = ?1", account)


def change(file: Path, statement: str, account: str) -> None:
    """Past the case that an action belongs to; the numbered change is the database's own doing."""
    database = sqlite3.connect(file)
    database.execute(statement, [account])
    database.commit()
    database.close()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process holds the database for itself."""
    program = [sys.executable, "-c", _LOCK, str(file)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.stdin.close()


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(server: Served, token: str, account: str) -> int:
    headers = {**bearer(token), "X-Stormwatch-Account": account}
    return httpx.get(server.url + "/v1/decision/auth", headers=headers, timeout=30).status_code


def age(server: Served, token: str) -> int:
    answer = httpx.get(server.url + "/v1/decision?account=a", headers=bearer(token), timeout=30)
    return int(answer.headers["X-Stormwatch-Age"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def figure(server: Served, name: str) -> float:
    lines = (line.rsplit(" ", 1) for line in server.get_text("/metrics").splitlines())
    return next(float(value) for found, value in lines if found == f"stormwatch_decision_{name}")
