"""The loop closed at a real LiteLLM proxy with the shipped hook: telemetry in, two people suspend, 403, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from command_line import stormwatch
from litellm_gateway import Proxy, Telemetry, model_server, proxy
from serving import Served, free_port, served
from stormwatch.storage.lake import Lake

pytestmark = [pytest.mark.litellm, pytest.mark.xdist_group("litellm")]

APPEAL = "https://models.example/appeal"
CACHE_SECONDS = 2.0
HOSTILE_AGENT = "acme-loader/0.9"
_PATIENCE_SECONDS = 30.0


@dataclass
class Watch:
    """An installation that is served, two proxies that ask it, and the people who decide."""

    home: Path
    port: int
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)
    server: Served | None = None
    serving: ExitStack = field(default_factory=ExitStack)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def serve(self) -> None:
        self.server = self.serving.enter_context(served(self.home, self.log, self.port))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stormwatch's process is killed, and started again afterwards."""
        self.serving.close()
        try:
            yield
        finally:
            self.serve()

    def run(self, who: str, *words: str) -> Any:
        """What a command prints as JSON, called in somebody's name."""
        environment = {"STORMWATCH_HOME": str(self.home), "STORMWATCH_TOKEN": self.tokens.get(who, "")}
        called = stormwatch(*words, "--json", environment=environment)
        assert called.returncode == 0, called.stderr
        return json.loads(called.stdout)

    def events_of(self, account: str, count: int) -> list[dict[str, Any]]:
        """The events of an account once so many are stored.

        LiteLLM sends batches a second apart and forgets what happens while it sends one (docs/gateways.md), so these
        tests wait for each event that they need before they cause the next.
        """
        return until(lambda: self._stored(account, count), f"{count} events of {account}")

    def _stored(self, account: str, count: int) -> list[dict[str, Any]] | None:
        self.run("nobody", "hunt")
        found = [row for row in self._lake_events() if row["account_id"] == account]
        return found if len(found) >= count else None

    def _lake_events(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = Lake(self.home / "lake").read("events").to_pylist()
        return sorted(rows, key=lambda row: row["time_us"])

    def accuse(self, account: str, agent: str) -> str:
        """A lead names the client that an account uses; the hunt opens a case on it. Gives the case's id."""
        until(lambda: self._heard_of(account, agent), f"an event of {account}", seconds=3 * _PATIENCE_SECONDS)
        self.run(
            "ada",
            *("lead", "add", "--title", "a client of a known operator", "--source", "a peer"),
            *("--source-kind", "peer-provider", "--grade", "A1", "--indicator", f"user-agent={agent}"),
        )
        self.run("nobody", "hunt")
        cases = self.run("ada", "case", "list", "--state", "open")["cases"]
        (case_id,) = [case["case_id"] for case in cases if case["account_ids"] == [account]]
        return str(case_id)

    def _heard_of(self, account: str, agent: str) -> bool:
        """Whether one request more is stored; LiteLLM may forget it with the batch before, so it is asked again."""
        assert self.proxies["closed"].chat(account, agent=agent).status_code == 200
        try:
            return bool(until(lambda: self._stored(account, 1), f"an event of {account}", seconds=20))
        except AssertionError:
            return False

    def act(self, case_id: str, kind: str, reason: str) -> list[str]:
        """Ada claims, answers and proposes; Bea approves what she was shown. Gives the actions' ids."""
        self.run("ada", "case", "claim", case_id)
        for alternative in self.run("ada", "case", "show", case_id)["alternatives"]:
            self.run("ada", "case", "answer", case_id, alternative["alternative_id"], "asked; it does not hold")
        proposal = self.run("ada", "act", "propose", case_id, "--kind", kind, "--reason-code", reason)
        shown = self.run("bea", "case", "show", case_id, "--proposal", proposal["proposal_id"])
        taken = self.run("bea", "act", "approve", proposal["proposal_id"], "--evidence-hash", shown["evidence_hash"])
        assert [action["progress"] for action in taken["actions"]] == ["verified"]
        return [action["action_id"] for action in taken["actions"]]


def until(look: Callable[[], Any], what: str, seconds: float = _PATIENCE_SECONDS) -> Any:
    """What `look` gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come within {seconds:g} s")


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Everything real and running, once for all tests of this file: two proxies start in the time of one."""
    folder = tmp_path_factory.mktemp("litellm")
    found = Watch(folder / "home", free_port(), folder / "serve.log")
    found.home.mkdir()
    url = f"http://127.0.0.1:{found.port}"
    decided = f'decision_url = "{url}"\n'
    settings = found.home / "stormwatch.toml"
    settings.write_text(f'key_file = "{folder / "outside" / "home.key"}"\nappeal_url = "{APPEAL}"\n')
    found.tokens["administrator"] = found.run("nobody", "init")["token"]
    for name, role in (("ada", "analyst"), ("bea", "approver")):
        found.tokens[name] = found.run("administrator", "user", "add", name, "--role", role)["token"]
    ingest = found.run("administrator", "token", "create", "litellm", "--scope", "ingest")["token"]
    decide = found.run("administrator", "token", "create", "gateway", "--scope", "decide")["token"]
    settings.write_text(settings.read_text() + decided + f'decision_token = "{decide}"\n')
    upstream = free_port()
    with ExitStack() as stack:
        stack.callback(found.serving.close)
        found.serve()
        found.asked = stack.enter_context(model_server(upstream))
        gate = {
            "URL": url,
            "TOKEN": decide,
            "CACHE_SECONDS": str(CACHE_SECONDS),
            "LIMITED_PER_MINUTE": "2",
            "TIMEOUT_SECONDS": "5",
        }
        for choice, callback in (("open", "otel"), ("closed", "generic_api")):
            telemetry = Telemetry(url, ingest, callback)
            started = proxy(folder / choice, free_port(), upstream, {**gate, "WHEN_AWAY": choice}, telemetry)
            found.proxies[choice] = stack.enter_context(started)
        for each in found.proxies.values():
            each.wait()
        yield found


def test_from_telemetry_to_a_refusal_with_an_appeal_address_and_back(watch: Watch) -> None:
    gate, suspect, bystander = watch.proxies["closed"], "acct-suspect", "acct-bystander"
    assert gate.chat(bystander, "translate a polite mail").status_code == 200
    watch.events_of(bystander, 1)
    case_id = watch.accuse(suspect, HOSTILE_AGENT)
    (event,) = watch.events_of(suspect, 1)
    assert (event["user_agent"], event["source_ip"], event["ip_source"]) == (HOSTILE_AGENT, "127.0.0.1", "socket")
    assert (event["model"], event["input_tokens"], event["blocked"]) == ("openai/mock", 5, False)

    actions = watch.act(case_id, "suspend", "state-affiliated-misuse")
    time.sleep(CACHE_SECONDS)  # so long, and no longer, an answer that was asked before may count
    asked = len(watch.asked)
    refused = gate.chat(suspect, "once more", agent=HOSTILE_AGENT)
    assert refused.status_code == 403
    assert refused.json()["error"]["provider_specific_fields"] == {
        "error": "account_suspended",
        "reason_code": "state-affiliated-misuse",
        "appeal_url": APPEAL,
    }
    assert len(watch.asked) == asked, "the model must not have been asked"
    blocked = watch.events_of(suspect, 2)[-1]
    assert (blocked["blocked"], blocked["account_id"], blocked["user_agent"]) == (True, suspect, HOSTILE_AGENT)
    assert watch.proxies["open"].chat(suspect).status_code == 403
    assert gate.chat(bystander).status_code == 200
    assert not any(row["blocked"] for row in watch.events_of(bystander, 2))

    watch.run("bea", "act", "reverse", *actions, "--reason", "a class of students")
    time.sleep(CACHE_SECONDS)
    assert gate.chat(suspect).status_code == 200
    assert watch.run("ada", "audit", "verify")["ok"] is True


def test_the_proxy_s_own_export_of_spans_arrives_too(watch: Watch) -> None:
    account = "acct-traced"
    assert watch.proxies["open"].chat(account, "translate a polite mail", agent="acme-traced/2.0").status_code == 200
    (event,) = watch.events_of(account, 1)
    assert (event["model"], event["input_tokens"], event["output_tokens"]) == ("mock", 5, 4)
    assert (event["operation"], event["finish_reason"], event["blocked"]) == ("chat", "stop", False)
    assert event["prompt_chars"] == len("translate a polite mail")
    assert (event["user_agent"], event["source_ip"]) == ("acme-traced/2.0", "127.0.0.1")


def test_a_limited_account_is_slowed_down_and_told_when_to_come_back(watch: Watch) -> None:
    gate, account = watch.proxies["closed"], "acct-limited"
    watch.act(watch.accuse(account, "acme-slow/1.0"), "limit", "fraud")
    time.sleep(CACHE_SECONDS)
    assert [gate.chat(account).status_code for _ in range(2)] == [200, 200]
    slowed = gate.chat(account)
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["Retry-After"]) <= 60
    assert slowed.json()["error"]["provider_specific_fields"]["error"] == "account_limited"
    assert gate.chat("acct-other").status_code == 200


def test_while_stormwatch_is_away_each_proxy_does_what_its_operator_chose(watch: Watch) -> None:
    account = "acct-suspended-before"
    watch.act(watch.accuse(account, "acme-before/1.0"), "suspend", "fraud")
    time.sleep(CACHE_SECONDS)
    assert [watch.proxies[choice].chat(account).status_code for choice in ("open", "closed")] == [403, 403]
    with watch.away():
        time.sleep(CACHE_SECONDS)
        let_in = [watch.proxies["open"].chat(each) for each in (account, "acct-unseen")]
        kept_out = [watch.proxies["closed"].chat(each) for each in (account, "acct-unseen")]
    assert [answer.status_code for answer in let_in] == [200, 200]
    assert [answer.status_code for answer in kept_out] == [503, 503]
    assert kept_out[0].json()["error"]["message"] == "decision_unavailable"
    until(lambda: watch.proxies["open"].chat(account).status_code == 403, "the refusal after the return")
    until(lambda: watch.proxies["closed"].chat("acct-unseen").status_code == 200, "the way in after the return")


def test_without_the_choice_the_proxy_does_not_start(watch: Watch, tmp_path: Path) -> None:
    gate = {"URL": f"http://127.0.0.1:{watch.port}", "TOKEN": "token"}
    with proxy(tmp_path / "undecided", free_port(), free_port(), gate) as undecided:
        assert undecided.process.wait(timeout=300) != 0
        assert "STORMWATCH_GATE_WHEN_AWAY must be `open`" in undecided.log.read_text(encoding="utf-8")
