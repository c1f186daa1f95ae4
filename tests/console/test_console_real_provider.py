"""Signing in with a provider that others wrote, in a process of its own: the package oidc-provider-mock.

It is a provider for tests by its own name, but its protocol is not of our making: RSA keys, its own forms and errors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from console_world import Browser
from openid_walk import come_back, is_in, onward
from people_making import make_team
from serving import free_port
from stormwatch.console.app import mount
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime, open_runtime

CALLBACK = "http://console.test/console/login/callback"
OLGA = {"sub": "subject-1", "preferred_username": "olga", "groups": ["floor"]}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-registration", "true"]
    process = subprocess.Popen([*command, "--user-claims", json.dumps(OLGA)], stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        while not _answers(address):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        yield address
    finally:
        process.kill()
        process.communicate(timeout=60)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def house(runtime: Runtime, issuer: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    make_team(runtime)
    registered = httpx.post(f"{issuer}/oauth2/clients", json={"redirect_uris": [CALLBACK]}).json()
    settings = {
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": registered["client_id"],
        "OIDC_CLIENT_SECRET": registered["client_secret"],
        "OIDC_ROLES": '{"floor": "analyst"}',
        "CONSOLE_URL": "http://console.test",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"STORMWATCH_{name}", value)
    opened = open_runtime(runtime.settings.home)
    yield opened
    opened.close()


def browser_of(house: Runtime) -> Browser:
    app = FastAPI()
    mount(app, house)
    return Browser(app)


def answered(browser: Browser, **form: str) -> str:
    """Where the provider sends the browser after its person filled in the provider's own form."""
    address = onward(browser.get("/console/login/provider"))
    assert "<form" in httpx.get(address).text
    return str(httpx.post(address, data=form, follow_redirects=False).headers["location"])


def test_a_person_comes_in_and_the_answer_counts_once(house: Runtime) -> None:
    browser = browser_of(house)
    address = answered(browser, sub="subject-1")
    assert come_back(browser, address).status_code == 200
    assert is_in(browser)
    assert house.access.person("olga").role is Role.ANALYST
    assert browser.get(address).status_code == 403


def test_who_says_no_there_stays_outside_here(house: Runtime) -> None:
    browser = browser_of(house)
    assert come_back(browser, answered(browser, action="deny")).status_code == 403
    assert not is_in(browser)


def test_a_wrong_client_secret_opens_nothing(house: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMWATCH_OIDC_CLIENT_SECRET", "wrong")
    other = open_runtime(house.settings.home)
    browser = browser_of(other)
    assert come_back(browser, answered(browser, sub="subject-1")).status_code == 403
    assert not is_in(browser)
    other.close()
