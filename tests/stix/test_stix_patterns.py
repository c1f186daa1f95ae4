"""Patterns: the subset is read exactly, everything else is refused with a reason, and what we write we can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.stix.patterns import UnsupportedPattern, observables_of, pattern_of

SHA256 = "a" * 64


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[domain-name:value = 'Evil.Example']", [(ObservableKind.DOMAIN, "evil.example")]),
        ("[ipv4-addr:value = '203.0.113.7:4982']", [(ObservableKind.IPV4, "203.0.113.7")]),
        ("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", [(ObservableKind.CIDR, "203.0.113.0/24")]),
        ("[ipv4-addr:value = '203.0.113.0/24']", [(ObservableKind.CIDR, "203.0.113.0/24")]),
        ("[ipv6-addr:value = '2001:DB8::1']", [(ObservableKind.IPV6, "2001:db8::1")]),
        ("[url:value = 'HXXP://evil[.]example/Gate']", [(ObservableKind.URL, "http://evil.example/Gate")]),
        ("[software:name = 'com.opal.titan']", [(ObservableKind.SOFTWARE, "com.opal.titan")]),
        (f"[file:hashes.'SHA-256' = '{SHA256.upper()}']", [(ObservableKind.SHA256, SHA256)]),
        (f"[file:hashes.MD5 = '{'b' * 32}']", [(ObservableKind.MD5, "b" * 32)]),
        ("[email-addr:value = 'A@Example.org']", [(ObservableKind.EMAIL, "a@example.org")]),
        (
            "[domain-name:value IN ('a.example', 'b.example')]",
            [(ObservableKind.DOMAIN, "a.example"), (ObservableKind.DOMAIN, "b.example")],
        ),
        (
            "[domain-name:value = 'a.example' OR url:value = 'http://b.example'] OR [ipv4-addr:value = '198.51.100.2']",
            [
                (ObservableKind.DOMAIN, "a.example"),
                (ObservableKind.URL, "http://b.example"),
                (ObservableKind.IPV4, "198.51.100.2"),
            ],
        ),
        (
            "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'Bot\\'s/1']",
            [(ObservableKind.USER_AGENT, "Bot's/1")],
        ),
    ],
)
def test_reads_the_subset(pattern: str, expected: list[tuple[ObservableKind, str]]) -> None:
    assert observables_of(pattern) == tuple(Observable(kind, value) for kind, value in expected)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[domain-name:value = 'a.example' AND ipv4-addr:value = '198.51.100.2']", "operator AND"),
        ("[domain-name:value = 'a.example'] FOLLOWEDBY [url:value = 'http://b.example']", "operator FOLLOWEDBY"),
        ("[domain-name:value = 'a.example'] WITHIN 5 SECONDS", "operator WITHIN"),
        ("[domain-name:value LIKE '%.example']", "operator LIKE"),
        ("[domain-name:value MATCHES '.*']", "operator MATCHES"),
        ("[domain-name:value != 'a.example']", "operator !="),
        ("[NOT domain-name:value = 'a.example']", "object path"),
        ("[process:command_line = 'x']", "object path process:command_line"),
        ("[domain-name:value ISSUBSET '203.0.113.0/24']", "ISSUBSET"),
        ("[domain-name:value = 'not a domain']", "not readable"),
        ("[domain-name:value = 'a.example'", "no comparison where one is due"),
        ("", "simple comparisons"),
        ("[]]]", "no object path"),
        ("[domain-name:value = 7]", "quoted value"),
        ("x" * 70_000, "too long"),
        ("[" * 60_000, "object path"),
        ("[domain-name:value = '" + "\\" * 30_000, "not a STIX pattern"),
    ],
)
def test_refuses_the_rest_with_a_reason(pattern: str, reason: str) -> None:
    with pytest.raises(UnsupportedPattern, match=reason):
        observables_of(pattern)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(pattern: str) -> None:
    try:
        found = observables_of(pattern)
    except UnsupportedPattern:
        return
    assert found


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=80))
def test_what_is_written_reads_back(value: str) -> None:
    observable = observable_of(ObservableKind.SOFTWARE, value)
    assert observables_of(pattern_of(observable)) == (observable,)


def test_a_kind_that_stix_lacks_is_said() -> None:
    with pytest.raises(ValueError, match="wallet"):
        pattern_of(Observable(ObservableKind.WALLET, "bc1x"))
