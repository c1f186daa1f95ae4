"""What every gateway promises: orders take effect, may come twice, are undone, and failures are failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

import gateway_benches as benches
from alert_receiver import SECRET
from gateway_benches import Bench, order
from home_making import new_home
from serving import free_port
from stormwatch.actions.ports import DeliveryFailed, Gateway, asked_of
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.adapters.gateway_webhook import GatewayWebhook
from stormwatch.adapters.litellm_keys import LiteLLMKeys
from stormwatch.adapters.scim_users import ScimUsers
from stormwatch.model.case import DecisionState
from stormwatch.runtime import Runtime

pytestmark = pytest.mark.xdist_group("gateway-port")  # each gateway's parts are started once

ALL = (benches.decision_list, benches.decision_process, benches.litellm, benches.webhook, benches.scim)
ACCOUNTS = ["acct-1", 'a" or userName pr', "ä\u202e b&c=d?#/../x", "' OR 1=1 --", "\\"]

_REMOTE: dict[str, Callable[[Runtime, str], Gateway]] = {
    "decision-endpoint": lambda runtime, url: DecisionEndpoint(runtime.database, url=url, token="t"),
    "litellm": lambda runtime, url: LiteLLMKeys(runtime.database, url, "t"),
    "webhook": lambda runtime, url: GatewayWebhook(url, (SECRET,), None),
    "scim": lambda runtime, url: ScimUsers(runtime.database, url, "t", "userName"),
}


@pytest.fixture(scope="module", params=ALL, ids=lambda make: make.__name__)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "home").mkdir()
    (folder / "home" / "stormwatch.toml").write_text(f'key_file = "{folder / "home.key"}"\n')
    runtime = new_home(folder / "home")
    with request.param(runtime, folder) as made:
        for account in (*ACCOUNTS, "bystander", "slow", "lifted-only"):
            made.add(account)
        yield made
    runtime.close()


def bring_about(bench: Bench, account: str, state: DecisionState, number: int = 1) -> None:
    ordered = order(account, state, number)
    bench.before_order(ordered)
    bench.gateway.apply(ordered)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_order_takes_effect_may_come_twice_and_is_undone(bench: Bench, account: str) -> None:
    assert bench.gateway.probe(account) is DecisionState.ALLOW
    for _ in range(2):
        bring_about(bench, account, DecisionState.SUSPENDED)
        assert bench.gateway.probe(account) is DecisionState.SUSPENDED
        assert (bench.passes(account), bench.passes("bystander")) == (False, True)
    for _ in range(2):
        bring_about(bench, account, DecisionState.ALLOW, 2)
        assert bench.gateway.probe(account) is DecisionState.ALLOW
        assert bench.passes(account)
    bring_about(bench, account, DecisionState.SUSPENDED, 3)
    assert not bench.passes(account)


def test_a_limited_account_passes_and_a_suspension_that_becomes_a_limit_is_lifted(bench: Bench) -> None:
    bring_about(bench, "slow", DecisionState.SUSPENDED, 1)
    bring_about(bench, "slow", DecisionState.LIMIT, 2)
    assert bench.passes("slow")
    assert bench.gateway.probe("slow") is asked_of(bench.gateway, DecisionState.LIMIT)


def test_lifting_what_was_never_shut_changes_nothing(bench: Bench) -> None:
    bring_about(bench, "lifted-only", DecisionState.ALLOW)
    assert bench.passes("lifted-only")


@pytest.mark.parametrize("kind", _REMOTE)
def test_a_gateway_that_is_away_fails_and_says_where(runtime: Runtime, kind: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    gateway = _REMOTE[kind](runtime, url)
    for call in (lambda: gateway.apply(order("a", DecisionState.SUSPENDED)), lambda: gateway.probe("a")):
        with pytest.raises(DeliveryFailed, match=url):
            call()


@pytest.mark.parametrize("kind", _REMOTE)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>hello</html>"),
        (200, b"{}"),
        (200, b"[" * 100_000),
        (500, b"{}"),
        (302, b""),
        (401, b"{}"),
        (403, b""),
    ],
)
def test_an_answer_that_says_nothing_is_no_state(runtime: Runtime, kind: str, status: int, body: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://192.0.2.1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with benches.served(Handler) as url, pytest.raises(DeliveryFailed):
        _REMOTE[kind](runtime, url).probe("a")
