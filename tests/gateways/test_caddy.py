"""A real Caddy with the shipped configuration, asking a real decision process."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nginx_gateway import model_service, wait_for
from review_floor import Floor
from serving import deciding, free_port
from stormwatch.model.principal import Scope

pytestmark = pytest.mark.caddy

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateways" / "caddy" / "Caddyfile"
KEYS = {"sk-suspect": "acct-suspect", "sk-slow": "acct-slow", "sk-1": "acct-1"}
CLOSED = "\t\t# respond @away"


@dataclass
class Gateway:
    port: int
    states: list[str]
    appeal: str
    stop_deciding: Callable[[], None]

    def ask(self, key: str, **headers: str) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/chat",
            json={"prompt": "write a polite mail"},
            headers={"Authorization": f"Bearer {key}", **headers},
            trust_env=False,
            timeout=30,
        )


@contextmanager
def guarded(floor: Floor, folder: Path, *, closed: bool = False, scope: Scope = Scope.DECIDE) -> Iterator[Gateway]:
    """Caddy before a model service, with its ports (8080 itself, 8788 decision process, 9000 service) replaced."""
    token = floor.runtime.access.machine_token(floor.people["administrator"], "gateway", [scope])
    database = sqlite3.connect(floor.runtime.settings.home / "stormwatch.db")
    for account, state in (("acct-suspect", "suspended"), ("acct-slow", "limit")):
        database.execute("INSERT INTO decisions VALUES (?1, ?1, ?2, 'fraud', NULL)", (account, state))
    database.commit()
    database.close()
    front, gate, service = free_port(), free_port(), free_port()
    text = EXAMPLE.read_text()
    for shipped, used in (("8080", front), ("8788", gate), ("9000", service)):
        assert f"127.0.0.1:{shipped}" in text
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{used}")
    if closed:
        before, mark, after = text.partition("\t\treverse_proxy @away")
        assert mark
        text = before + after.partition("\t\t}\n")[2].replace(CLOSED, "\t\trespond @away", 1)
    (folder / "Caddyfile").write_text(text)
    lines = [f'"Bearer {key}" {account}' for key, account in KEYS.items()]
    (folder / "stormwatch-accounts.map").write_text("\n".join(lines) + "\n")
    program = shutil.which("caddy")
    assert program is not None
    kept = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "STORMWATCH_GATE_TOKEN": token}
    with ExitStack() as stack, ExitStack() as asked:
        asked.enter_context(deciding(floor.runtime.settings.home, folder / "decide.log", port=gate))
        states = stack.enter_context(model_service(service, free_port(), token))
        log = stack.enter_context((folder / "caddy.log").open("wb"))
        process = subprocess.Popen(
            [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=folder,
            env={**os.environ, **kept},
            stdout=log,
            stderr=log,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        wait_for(front)
        yield Gateway(front, states, floor.runtime.settings.appeal_url, asked.close)


def test_a_suspended_account_is_refused_a_limited_one_passes_and_the_rest_go_on(floor: Floor, tmp_path: Path) -> None:
    with guarded(floor, tmp_path) as gateway:
        refused = gateway.ask("sk-suspect")
        assert refused.status_code == 403
        assert refused.json() == {
            "error": "account_suspended",
            "reason_code": "fraud",
            "appeal_url": gateway.appeal,
        }
        assert [gateway.ask(key).status_code for key in ("sk-slow", "sk-1", "sk-unknown")] == [200, 200, 401]
        assert gateway.ask("sk-suspect", **{"X-Stormwatch-Account": "acct-1"}).status_code == 403
        assert gateway.ask("sk-1", **{"X-Stormwatch-State": "limit"}).status_code == 200
        assert gateway.states == ["limit", "allow", "allow"]
        gateway.stop_deciding()
        assert gateway.ask("sk-suspect").status_code == 200, "fail open, as shipped"


def test_fail_closed_and_a_wrong_token_suspend_nobody(floor: Floor, tmp_path: Path) -> None:
    with guarded(floor, tmp_path, closed=True, scope=Scope.INGEST) as gateway:
        answer = gateway.ask("sk-1")
        assert (answer.status_code, answer.json()) == (503, {"error": "decision_unavailable"})
        gateway.stop_deciding()
        assert gateway.ask("sk-1").status_code == 503
        assert gateway.states == []
