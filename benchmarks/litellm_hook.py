"""Measures what the LiteLLM hook adds to a request: no hook, the hook without its cache, and with it, in one run.

All are real LiteLLM proxies (`make gateways`) before one model server that answers at once, asking one real
`stormwatch serve`. Requests go round and round the proxies, one at a time, so that a busy machine is busy for all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from litellm_gateway import Proxy, model_server, proxy
from serving import free_port, served
from stormwatch.model.principal import Scope
from stormwatch.runtime import create_home

GATES: Mapping[str, Mapping[str, str] | None] = {
    "without the hook": None,
    "hook, no cache": {"CACHE_SECONDS": "0"},
    "hook, cache of 2 s": {"CACHE_SECONDS": "2"},
}
WARM_UP = 30


def main() -> None:
    """Prints the median and the 95th percentile of each proxy, and what the hook adds to the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests for each proxy")
    parser.add_argument(
        "--accounts", type=int, default=2, help="accounts that take turns; each must come again within the cache's age"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        proxies = start(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        taken = measure(proxies, options.requests, options.accounts)
    base = statistics.median(taken["without the hook"])
    for name, milliseconds in taken.items():
        middle = statistics.median(milliseconds)
        high = statistics.quantiles(milliseconds, n=20)[-1]
        print(f"{name:20} p50 {middle:7.2f} ms  p95 {high:7.2f} ms  adds {middle - base:+6.2f} ms at p50")
    print(json.dumps({name: round(statistics.median(each), 3) for name, each in taken.items()}))


def start(stack: ExitStack, folder: Path) -> Mapping[str, Proxy]:
    """Stormwatch, the model server and a proxy for each gate, all answering."""
    home, port, upstream = folder / "home", free_port(), free_port()
    home.mkdir()
    (home / "stormwatch.toml").write_text(f'key_file = "{folder / "home.key"}"\n')
    runtime = create_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    token = runtime.access.machine_token(administrator, "gateway", [Scope.DECIDE])
    runtime.close()
    stack.enter_context(served(home, folder / "serve.log", port))
    stack.enter_context(model_server(upstream))
    common = {"URL": f"http://127.0.0.1:{port}", "TOKEN": token, "WHEN_AWAY": "closed", "TIMEOUT_SECONDS": "5"}
    proxies = {
        name: stack.enter_context(
            proxy(folder / f"proxy-{number}", free_port(), upstream, None if gate is None else {**common, **gate})
        )
        for number, (name, gate) in enumerate(GATES.items())
    }
    for each in proxies.values():
        each.wait()
    return proxies


def measure(proxies: Mapping[str, Proxy], requests: int, accounts: int) -> Mapping[str, list[float]]:
    """Milliseconds of each request, by proxy."""
    taken: dict[str, list[float]] = {name: [] for name in proxies}
    with ExitStack() as stack:
        clients = {name: stack.enter_context(httpx.Client(timeout=60, trust_env=False)) for name in proxies}
        for number in range(-WARM_UP, requests):
            for name, each in proxies.items():
                milliseconds = ask(clients[name], each, f"acct-{number % accounts}")
                if number >= 0:
                    taken[name].append(milliseconds)
    return taken


def ask(client: httpx.Client, gate: Proxy, account: str) -> float:
    """One chat request; its milliseconds."""
    body = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
    begun = time.perf_counter()
    answer = client.post(
        f"{gate.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer sk-{account}"}
    )
    taken = (time.perf_counter() - begun) * 1000
    answer.raise_for_status()
    return taken


if __name__ == "__main__":
    main()
