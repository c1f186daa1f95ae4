"""Configurations for gateways that no test can run: they can be read, and ask what the decision process answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples" / "gateways"


def test_envoy_identifies_first_then_asks_with_our_token_and_tells_nothing_else() -> None:
    content = yaml.safe_load((EXAMPLES / "envoy" / "envoy.yaml").read_text())["static_resources"]
    (manager,) = content["listeners"][0]["filter_chains"][0]["filters"]
    config = manager["typed_config"]
    filters = {each["name"].rpartition(".")[2]: each["typed_config"] for each in config["http_filters"]}
    assert list(filters) == ["api_key_auth", "ext_authz", "router"]
    assert filters["api_key_auth"]["forwarding"]["header"] == "x-stormwatch-account"
    (early,) = config["early_header_mutation_extensions"]
    removed = {each["remove"] for each in early["typed_config"]["mutations"]}
    assert removed == {"x-stormwatch-account", "x-stormwatch-state", "x-stormwatch-token"}
    asked = filters["ext_authz"]["http_service"]
    assert asked["path_prefix"] == "/v1/decision/ext-authz"
    assert asked["authorization_request"]["headers_to_add"] == [{"key": "Authorization", "value": "Bearer TOKEN"}]
    sent = [each["exact"] for each in filters["ext_authz"]["allowed_headers"]["patterns"]]
    assert sent == ["x-stormwatch-account"]
    clusters = {each["name"] for each in content["clusters"]}
    assert {asked["server_uri"]["cluster"], "model_service"} == clusters


def test_traefik_asks_with_a_token_that_goes_no_further() -> None:
    content: dict[str, Any] = yaml.safe_load((EXAMPLES / "traefik" / "dynamic.yaml").read_text())["http"]
    (router,) = content["routers"].values()
    assert router["middlewares"] == ["identify", "token", "decide", "without-token"]
    parts = content["middlewares"]
    assert set(router["middlewares"]) == set(parts)
    assert parts["identify"]["forwardAuth"]["authResponseHeaders"] == ["X-Stormwatch-Account"]
    decide = parts["decide"]["forwardAuth"]
    assert decide["address"].endswith("/v1/decision/auth")
    assert decide["authRequestHeaders"] == ["X-Stormwatch-Account", "X-Stormwatch-Token"]
    assert parts["without-token"]["headers"]["customRequestHeaders"] == {"X-Stormwatch-Token": ""}
