"""How an address is known: nothing that a client can write makes it count unless a configured proxy wrote it too."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.events.client_address import (
    FORWARDED_HEADERS,
    ClientAddress,
    TrustedProxies,
    claimed_addresses,
    client_address,
    recorded_address,
)
from stormwatch.events.readers.litellm import litellm_event
from stormwatch.model.errors import InvalidInput
from stormwatch.model.event import IpSource

PROXIES = TrustedProxies.of(["10.0.0.0/8", "2001:db8:ffff::/48"])
HEADERS = [TrustedProxies.of(["10.0.0.0/8", "2001:db8:ffff::/48"], header) for header in FORWARDED_HEADERS]

outside = st.ip_addresses().map(str).filter(lambda text: not PROXIES.trusts(text))
inside = st.sampled_from(["10.0.0.1", "10.9.8.7", "2001:db8:ffff::5"])
# What a client may write: addresses of anybody, also of the proxies, and everything that might confuse a reader.
claims = st.one_of(
    outside, inside, st.text(max_size=20), st.sampled_from(["unknown", "_hidden", '"', "for=", ",", ";", "\\", "[::1]"])
)
written = st.lists(claims, max_size=6).map(",".join) | st.text(alphabet='for=";,\\ 10.:[]', max_size=40)
any_headers = st.dictionaries(st.sampled_from(FORWARDED_HEADERS), written)


@pytest.mark.parametrize("proxies", HEADERS, ids=FORWARDED_HEADERS)
@given(peer=outside, headers=any_headers)
@settings(max_examples=150, deadline=None)
def test_no_header_makes_an_untrusted_peers_claim_count(
    proxies: TrustedProxies, peer: str, headers: dict[str, str]
) -> None:
    found = client_address(peer, headers, proxies)
    assert found.source is IpSource.SOCKET
    assert found == client_address(peer, {}, proxies)


@given(headers=any_headers, told=st.none() | claims)
@settings(max_examples=150, deadline=None)
def test_without_a_known_peer_every_address_is_only_asserted(headers: dict[str, str], told: str | None) -> None:
    assert client_address(None, headers, PROXIES, told=told).source in {IpSource.ASSERTED, None}


@given(client=outside, before=written, hops=st.lists(inside, max_size=3), peer=inside)
@settings(max_examples=150, deadline=None)
def test_what_a_client_writes_before_its_proxys_entry_changes_nothing(
    client: str, before: str, hops: list[str], peer: str
) -> None:
    chain = ", ".join([before, client, *hops]) if before else ", ".join([client, *hops])
    expected = ClientAddress(str(_plain(client)), IpSource.TRUSTED_PROXY)
    assert client_address(peer, {"x-forwarded-for": chain}, PROXIES) == expected


@given(client=outside, before=written, peer=inside, quoted=st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_forwarded_header_gives_the_proxys_entry_or_nothing(
    client: str, before: str, peer: str, quoted: bool
) -> None:
    node = f"[{client}]" if ":" in client else client
    entry = f'for="{node}"' if quoted or ":" in client else f"for={node}"
    header = f"{before}, {entry}" if before else entry
    found = client_address(peer, {"forwarded": header}, HEADERS[1])
    sure = ClientAddress(str(_plain(client)), IpSource.TRUSTED_PROXY)
    assert found in (sure, ClientAddress(peer, IpSource.SOCKET))
    assert before or found == sure


@given(headers=any_headers)
@settings(max_examples=100, deadline=None)
def test_only_the_header_that_the_proxies_write_is_looked_at(headers: dict[str, str]) -> None:
    others = {name: value for name, value in headers.items() if name != "x-forwarded-for"}
    assert client_address("10.0.0.1", others, PROXIES) == ClientAddress("10.0.0.1", IpSource.SOCKET)


def _plain(text: str) -> object:
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


@pytest.mark.parametrize(
    ("header", "chain"),
    [
        ("203.0.113.9", ["203.0.113.9"]),
        ("unknown, 203.0.113.9:443 , [2001:db8::1]:80", [None, "203.0.113.9", "2001:db8::1"]),
        ("", []),
        ("x" * 9000, []),
    ],
)
def test_chains_are_read(header: str, chain: list[str | None]) -> None:
    assert claimed_addresses({"x-forwarded-for": header}, "x-forwarded-for") == chain


@pytest.mark.parametrize(
    ("header", "chain"),
    [
        ("for=203.0.113.9;proto=https;by=10.0.0.1", ["203.0.113.9"]),
        ('For="[2001:db8::1]:4711", for=unknown', ["2001:db8::1", None]),
        ("proto=https, for=203.0.113.9", [None, "203.0.113.9"]),
        ('for=", for=203.0.113.9', []),
        ('x="\\", for="[2001:db8::1]"', []),
    ],
)
def test_the_standard_header_is_read(header: str, chain: list[str | None]) -> None:
    assert claimed_addresses({"forwarded": header}, "forwarded") == chain


@pytest.mark.parametrize(
    ("networks", "header", "said"),
    [
        (["10.0.0.0/33"], "x-forwarded-for", "no network"),
        (["proxy.example.org"], "forwarded", "no network"),
        (["10.0.0.1"], "x-client-ip", "no such header"),
    ],
)
def test_settings_that_cannot_be_are_explained(networks: list[str], header: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        TrustedProxies.of(networks, header)


@given(recorded=claims, headers=any_headers)
@settings(max_examples=200, deadline=None)
def test_an_address_that_a_header_claims_too_is_nobodys_word_but_the_clients(
    recorded: str, headers: dict[str, str]
) -> None:
    found = recorded_address(recorded, headers, PROXIES)
    claimed = {claim for name in headers for claim in claimed_addresses(headers, name)}
    if found.source is IpSource.SOCKET:
        assert found.address not in claimed
    if found.source is IpSource.TRUSTED_PROXY:
        assert recorded not in claimed


def webhook(address: str, forwarded: str) -> dict[str, object]:
    headers = {"host": "gw", "X-Forwarded-For": forwarded}
    return {
        "id": "1",
        "startTime": 1795385825.0,
        "metadata": {"user_api_key_user_id": "u", "requester_metadata": {"headers": headers}},
        "requester_ip_address": address,
    }


def test_litellm_behind_a_configured_proxy_tells_the_client() -> None:
    sent = litellm_event(webhook("10.0.0.1", "198.51.100.1, 203.0.113.9"), PROXIES)
    assert (sent.source_ip, sent.ip_source) == ("203.0.113.9", "trusted_proxy")


@pytest.mark.parametrize("forwarded", ["10.0.0.1, 198.51.100.66", "198.51.100.66, 10.0.0.1", "10.0.0.1"])
def test_litellm_that_took_the_address_from_the_header_is_not_believed(forwarded: str) -> None:
    assert litellm_event(webhook("10.0.0.1", forwarded), PROXIES).ip_source == "asserted"
