"""Signing in with an OpenID provider: what it vouches for, and every answer of it that must not be believed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx import Response

from console_world import Browser
from openid_double import CLIENT, SECRET, Lie, OpenIDDouble, openid_double
from openid_walk import agreed, come_back, is_in, onward
from people_making import Team, give_factor, make_team
from stormwatch.console.app import mount
from stormwatch.console.cookies import Cookie
from stormwatch.model.errors import InvalidInput
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime, open_runtime

ROLES = {"floor": "analyst", "deciders": "approver", "books": "auditor"}


@pytest.fixture
def provider() -> Iterator[OpenIDDouble]:
    with openid_double() as double:
        yield double


@pytest.fixture
def team(runtime: Runtime) -> Team:
    return make_team(runtime)


@pytest.fixture
def runtime_with(team: Team, provider: OpenIDDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """The installation with the double as its provider."""
    settings = {
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_ROLES": json.dumps(ROLES),
        "OIDC_NAME": "Example House",
        "CONSOLE_URL": "http://console.test",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"STORMWATCH_{name}", value)
    opened = open_runtime(team.runtime.settings.home)
    yield opened
    opened.close()


@pytest.fixture
def house(runtime_with: Runtime) -> FastAPI:
    application = FastAPI()
    mount(application, runtime_with)
    return application


def sign_in(browser: Browser, back: str = "") -> Response:
    return come_back(browser, agreed(browser.get("/console/login/provider" + (f"?next={back}" if back else ""))))


def test_somebody_new_comes_in_with_the_role_of_their_group(house: FastAPI, runtime_with: Runtime) -> None:
    browser = Browser(house)
    assert "Log in with Example House" in browser.get("/console/login").text
    assert "Queue" in sign_in(browser).text
    olga = runtime_with.access.person("olga")
    assert olga.role is Role.ANALYST
    kinds = [entry.kind for entry in runtime_with.ledger.entries(subject=olga.person_id)]
    assert kinds == ["person.added", "identity.linked"]
    assert is_in(browser)


def test_the_page_that_was_asked_for_comes_after_and_no_other_host(house: FastAPI) -> None:
    browser = Browser(house)
    assert sign_in(browser, "/leads").url.path == "/console/leads"
    assert sign_in(browser, "//evil.example/").url.host == "console.test"


def test_the_request_to_the_provider_carries_state_nonce_and_challenge(house: FastAPI) -> None:
    first, second = (parse_qs(urlsplit(onward(Browser(house).get("/console/login/provider"))).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]
    assert first["redirect_uri"] == ["http://console.test/console/login/callback"]
    assert first["code_challenge_method"] == ["S256"]


LIES = {
    "nonce of another sign-in": Lie(claims={"nonce": "another"}),
    "no nonce": Lie(without=("nonce",)),
    "for another client": Lie(claims={"aud": "another-client"}),
    "for several clients, handed to another": Lie(claims={"aud": [CLIENT, "other"], "azp": "other"}),
    "for several clients, handed to nobody": Lie(claims={"aud": [CLIENT, "other"]}),
    "no audience": Lie(without=("aud",)),
    "of another issuer": Lie(claims={"iss": "https://evil.example"}),
    "expired": Lie(claims={"exp": int(time.time()) - 3600}),
    "without an end": Lie(without=("exp",)),
    "an end that is no number": Lie(claims={"exp": "tomorrow"}),
    "issued tomorrow": Lie(claims={"iat": int(time.time()) + 86400}),
    "without a subject": Lie(without=("sub",)),
    "an empty subject": Lie(claims={"sub": ""}),
    "a subject that is no text": Lie(claims={"sub": ["subject-1"]}),
    "unsigned": Lie(algorithm="none"),
    "signed with the public key as a secret": Lie(algorithm="HS256"),
    "signed with another key of the same id": Lie(foreign_key=True),
    "no ID token": Lie(no_token=True),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_an_id_token_that_is_not_what_it_must_be_opens_nothing(
    house: FastAPI, runtime_with: Runtime, provider: OpenIDDouble, lie: Lie
) -> None:
    provider.lie = lie
    browser = Browser(house)
    refused = sign_in(browser)
    assert refused.status_code == 403
    assert "the provider did not vouch for you" in refused.text
    assert not is_in(browser)
    assert "olga" not in [person.name for person in runtime_with.access.people()]
    provider.lie = Lie()
    sign_in(browser)
    assert is_in(browser), "the same double, when it does not lie"


def test_an_answer_counts_once(house: FastAPI, provider: OpenIDDouble) -> None:
    browser = Browser(house)
    address = agreed(browser.get("/console/login/provider"))
    come_back(browser, address)
    assert is_in(browser)
    browser.post("/console/logout", browser.get("/console/").text)
    asked = provider.calls.count("/token")
    assert browser.get(address).status_code == 403
    assert provider.calls.count("/token") == asked
    assert not is_in(browser)


def test_a_code_that_was_redeemed_already_opens_nothing(house: FastAPI, provider: OpenIDDouble) -> None:
    """Caught on its way by somebody who was faster, or taken from another sign-in."""
    browser, other = Browser(house), Browser(house)
    address = agreed(browser.get("/console/login/provider"))
    provider.codes.clear()
    assert browser.get(address).status_code == 403
    of_other = parse_qs(urlsplit(agreed(other.get("/console/login/provider"))).query)["code"][0]
    mine = agreed(browser.get("/console/login/provider"))
    code = parse_qs(urlsplit(mine).query)["code"][0]
    assert browser.get(mine.replace(code, of_other)).status_code == 403, "PKCE and nonce tie a code to its sign-in"
    assert not is_in(browser)


def test_an_answer_is_for_the_browser_that_asked(house: FastAPI) -> None:
    """Or an attacker could sign a victim in as the attacker, and read what they then do."""
    attacker, victim = Browser(house), Browser(house)
    address = agreed(attacker.get("/console/login/provider"))
    assert victim.get(address).status_code == 403
    victim.get("/console/login/provider")
    assert victim.get(address).status_code == 403
    assert not is_in(victim)


@pytest.mark.parametrize(
    "change", [("state=", "state=x"), ("state=", "nothing="), ("iss=http", "iss=https"), ("code=", "nothing=")]
)
def test_an_answer_that_was_changed_opens_nothing(house: FastAPI, change: tuple[str, str]) -> None:
    browser = Browser(house)
    address = agreed(browser.get("/console/login/provider"))
    assert change[0] in address
    assert browser.get(address.replace(*change)).status_code == 403
    assert not is_in(browser)


def test_an_old_sign_in_is_over(house: FastAPI, runtime_with: Runtime) -> None:
    browser = Browser(house)
    address = agreed(browser.get("/console/login/provider"))
    with runtime_with.database.write() as connection:
        connection.exec_driver_sql("UPDATE identity_flows SET begun_us = begun_us - 601000000")
    assert browser.get(address).status_code == 403


def test_nobody_is_linked_by_name_or_address(house: FastAPI, provider: OpenIDDouble) -> None:
    """Whoever can choose their name at the provider could be the approver here."""
    provider.claims = {"preferred_username": "Paul", "email": "paul@house.example", "groups": ["deciders"]}
    browser = Browser(house)
    refused = sign_in(browser)
    assert refused.status_code == 403
    assert "has your name already" in refused.text
    assert not is_in(browser)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"preferred_username": "olga"}, "no role"),
        ({"preferred_username": "olga", "groups": []}, "no role"),
        ({"preferred_username": "olga", "groups": ["administrator", "admin", "analyst"]}, "no role"),
        ({"preferred_username": "olga", "groups": ["floor", "deciders"]}, "several roles"),
        ({"preferred_username": "olga", "groups": {"floor": True}}, "no role"),
        ({"preferred_username": "olga", "groups": [["floor"]]}, "no role"),
        ({"groups": ["floor"]}, "no name"),
        ({"preferred_username": "ol\u202ega", "groups": ["floor"]}, "no name"),
        ({"preferred_username": {"a": 1}, "groups": ["floor"]}, "no name"),
    ],
)
def test_who_has_no_single_role_or_no_name_stays_outside(
    house: FastAPI, runtime_with: Runtime, provider: OpenIDDouble, claims: dict[str, object], words: str
) -> None:
    provider.claims = claims
    browser = Browser(house)
    before = len(runtime_with.access.people())
    assert words in sign_in(browser).text
    assert len(runtime_with.access.people()) == before


def test_the_role_follows_the_groups_and_the_change_is_on_the_ledger(
    house: FastAPI, runtime_with: Runtime, provider: OpenIDDouble
) -> None:
    browser = Browser(house)
    sign_in(browser)
    provider.claims = {"preferred_username": "renamed", "groups": "deciders"}
    sign_in(browser)
    olga = runtime_with.access.person("olga")
    assert olga.role is Role.APPROVER
    (entry,) = runtime_with.ledger.entries(kind="role.changed", subject=olga.person_id)
    assert (entry.by, entry.body) == ("identity-provider", {"from": "analyst", "to": "approver"})
    provider.claims = {"preferred_username": "olga", "groups": []}
    assert sign_in(Browser(house)).status_code == 403


def test_no_claim_makes_or_unmakes_an_administrator(
    house: FastAPI, team: Team, runtime_with: Runtime, provider: OpenIDDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(house)
    sign_in(browser)
    chief = runtime_with.access.authenticate(team.tokens["chief"])
    runtime_with.access.change_role(chief, "olga", Role.ADMINISTRATOR)
    sign_in(browser)
    assert runtime_with.access.person("olga").role is Role.ADMINISTRATOR
    monkeypatch.setenv("STORMWATCH_OIDC_ROLES", '{"floor": "administrator"}')
    with pytest.raises(InvalidInput, match="no claim makes an administrator"):
        open_runtime(runtime_with.settings.home)


def test_disabling_somebody_here_outweighs_the_provider(house: FastAPI, team: Team, runtime_with: Runtime) -> None:
    browser = Browser(house)
    sign_in(browser)
    runtime_with.access.disable_person(runtime_with.access.authenticate(team.tokens["chief"]), "olga")
    assert not is_in(browser)
    assert sign_in(browser).status_code == 403
    assert not is_in(browser)


def test_linking_needs_a_session_and_keeps_the_role(
    house: FastAPI, team: Team, runtime_with: Runtime, provider: OpenIDDouble
) -> None:
    browser = Browser(house)
    browser.log_in(team.tokens["ana"])
    provider.claims = {"preferred_username": "whoever", "groups": ["deciders"]}
    come_back(browser, agreed(browser.post("/console/you/identities", browser.get("/console/you").text)))
    ana = runtime_with.access.person("ana")
    assert [one.subject for one in runtime_with.identities.of(ana)] == ["subject-1"]
    later = Browser(house)
    sign_in(later)
    assert "You are analyst" in later.get("/console/you").text

    thief = Browser(house)
    thief.log_in(team.tokens["paul"])
    refused = come_back(thief, agreed(thief.post("/console/you/identities", thief.get("/console/you").text)))
    assert (refused.status_code, "linked already" in refused.text) == (409, True)

    page = later.get("/console/you").text
    assert later.post("/console/you/identities/unlink", page, issuer=provider.issuer, subject="x").status_code == 404
    later.post("/console/you/identities/unlink", page, issuer=provider.issuer, subject="subject-1")
    assert runtime_with.identities.of(ana) == ()


def test_a_link_is_not_finished_by_another_browser_or_after_signing_out(house: FastAPI, team: Team) -> None:
    browser, victim = Browser(house), Browser(house)
    browser.log_in(team.tokens["ana"])
    address = agreed(browser.post("/console/you/identities", browser.get("/console/you").text))
    assert victim.get(address).status_code == 403
    browser.post("/console/logout", browser.get("/console/").text)
    assert browser.get(address).status_code == 403


def test_a_second_factor_of_ours_is_asked_for_all_the_same(house: FastAPI, team: Team, runtime_with: Runtime) -> None:
    browser = Browser(house)
    sign_in(browser)
    chief = runtime_with.access.authenticate(team.tokens["chief"])
    token = runtime_with.access.create_token(chief, "olga", chief.scopes)
    device = give_factor(runtime_with, token)
    other = Browser(house)
    asked = sign_in(other)
    assert "Second factor" in asked.text
    assert not is_in(other)
    other.post("/console/login/code", asked.text, code=device.code())
    assert is_in(other)


def test_the_flow_cookie_alone_comes_along_from_another_site(house: FastAPI) -> None:
    answer = Browser(house).client.get("/console/login/provider")
    flow = next(one for one in answer.headers.get_list("set-cookie") if f"_{Cookie.FLOW}=" in one)
    assert "SameSite=lax" in flow
    assert "HttpOnly" in flow


def test_new_keys_of_the_provider_are_learnt(house: FastAPI, provider: OpenIDDouble) -> None:
    browser = Browser(house)
    sign_in(browser)
    provider.turn_key()
    other = Browser(house)
    sign_in(other)
    assert is_in(other)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_says_nonsense_of_itself_is_not_used(
    house: FastAPI, provider: OpenIDDouble, metadata: dict[str, object]
) -> None:
    provider.metadata = metadata
    assert Browser(house).get("/console/login/provider").status_code == 403


def test_without_a_provider_there_is_no_such_way(team: Team) -> None:
    app = FastAPI()
    mount(app, team.runtime)
    browser = Browser(app)
    assert "Log in with" not in browser.get("/console/login").text
    assert browser.get("/console/login/provider").status_code == 404
    assert browser.get("/console/login/callback?state=x&code=y").status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OIDC_ISSUER", "http://login.example", "TLS"),
        ("OIDC_CLIENT_ID", "", "oidc_client_id"),
        ("CONSOLE_URL", None, "console_url"),
    ],
)
def test_half_a_setting_is_said_at_the_start(
    team: Team, runtime_with: Runtime, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, words: str
) -> None:
    if value is None:
        monkeypatch.delenv(f"STORMWATCH_{name}")
    else:
        monkeypatch.setenv(f"STORMWATCH_{name}", value)
    other = open_runtime(team.runtime.settings.home)
    with pytest.raises(InvalidInput, match=words):
        mount(FastAPI(), other)
    other.close()
