"""Artefacts are found in the shapes people paste them in; what only looks like one is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.detections.artefacts.artefacts import MOST_PER_EVENT, ArtefactExtractor
from stormwatch.detections.text.normalise import NormalText, normalise

EXTRACTOR = ArtefactExtractor()


def found(text: str) -> set[tuple[str, str]]:
    artefacts = EXTRACTOR.extract(NormalText(normalise(text), "", ""))
    return {(artefact.observable.kind.value, artefact.observable.value) for artefact in artefacts}


PASTED = [
    ("http://Bad-Host.net:80/G?x=1.", {("url", "http://bad-host.net:80/G?x=1"), ("domain-name", "bad-host.net")}),
    ("hxxps://bad[.]site[.]ru/a, then", {("url", "https://bad.site.ru/a"), ("domain-name", "bad.site.ru")}),
    ("http[:]//badhost[.]org/x", {("url", "http://badhost.org/x"), ("domain-name", "badhost.org")}),
    ("update (dot) badhost (dot) io", {("domain-name", "update.badhost.io")}),
    ("is badhost-it.net down today?", {("domain-name", "badhost-it.net")}),
    ("the C2 is badapp.io now", {("domain-name", "badapp.io")}),
    ("bad-app.site", {("domain-name", "bad-app.site")}),
    ("域名badhost.com解析失败", {("domain-name", "badhost.com")}),
    ("xn--80ak6aa92e.com", {("domain-name", "xn--80ak6aa92e.com")}),
    ("www.badhost.link", {("domain-name", "www.badhost.link")}),
    ("c2.badhost.example", {("domain-name", "c2.badhost.example")}),
    ("no answer from 203.0.113.50:443", {("ipv4-addr", "203.0.113.50")}),
    ("198[.]51[.]100[.]7", {("ipv4-addr", "198.51.100.7")}),
    ("http://198.51.100.7/x", {("url", "http://198.51.100.7/x"), ("ipv4-addr", "198.51.100.7")}),
    ("from 2001:DB8::1 today", {("ipv6-addr", "2001:db8::1")}),
    ("http://[2001:db8::2]:80/x", {("url", "http://[2001:db8::2]:80/x"), ("ipv6-addr", "2001:db8::2")}),
    ("write to Jane.Roe+x@Mail-Host.co.uk!", {("email-addr", "jane.roe+x@mail-host.co.uk")}),
    ("jane[at]mailhost[.]org", {("email-addr", "jane@mailhost.org")}),
    ("md5 9E107D9D372BB6826BD81D3542A419D6", {("file-md5", "9e107d9d372bb6826bd81d3542a419d6")}),
    ("da39a3ee5e6b4b0d3255bfef95601890afd80709", {("file-sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709")}),
    ("sha256:" + "0a1b2c3d" * 8, {("file-sha256", "0a1b2c3d" * 8)}),
    ("ba\u200bdhost.com", {("domain-name", "badhost.com")}),
    ("https://user:secret@badhost.com/x", {("url", "https://badhost.com/x"), ("domain-name", "badhost.com")}),
]  # fmt: skip

LOOKALIKES = [
    "run file.py, then main.rs and lib.so",
    "e.g. this, i.e. that, etc. and so on",
    "obj.method(), self.id = 3, user.name, logger.info('x')",
    "import com.vendor.product; java.io and System.IO",
    "It ended.It was late. a.m. to p.m.",
    "ASP.NET on example.com and yourdomain.com",
    "version 1.2.3.4, v10.20.30.40",
    "127.0.0.1, 10.0.0.1, 192.168.1.1, 0.0.0.0, 255.255.255.255, 8.8.0.0/16",
    "999.1.2.3 and 1.2.3 and 1.2.3.4.5",
    "12:30:45, std::vector, fe80::1, ::1",
    "00000000000000000000000000000000 and 12345678901234567890123456789012",
    "550e8400-e29b-41d4-a716-446655440000 and 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045ff",
    "git@github.com:group/project.git",
    "http://localhost:8080/ and http://router/",
    "@someone said hello@work",
    "C:\\Users\\me\\notes.txt and /usr/lib/foo.com",
]


@pytest.mark.parametrize(("text", "expected"), PASTED)
def test_pasted_artefacts_are_found(text: str, expected: set[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == set()


def test_the_field_is_told_and_an_artefact_counts_once_in_it() -> None:
    text = NormalText("see badhost.com and badhost.com", "badhost.com", "")
    artefacts = EXTRACTOR.extract(text)
    assert [(artefact.observable.value, artefact.field) for artefact in artefacts] == [
        ("badhost.com", "prompt"),
        ("badhost.com", "response"),
    ]


def test_a_pasted_list_is_cut_off() -> None:
    text = " ".join(f"host{number}.badhost.com" for number in range(3 * MOST_PER_EVENT))
    assert len(EXTRACTOR.extract(NormalText(text, "", ""))) == MOST_PER_EVENT


HOSTILE = ["a", "a.", "a-", "1.", "ab:", "@", "a@", "http://", "[.]", "a@a.", "deadbeef", " a.com", " [ dot", "[at]"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_anything_ends(piece: str) -> None:
    found(piece * (1_000_000 // len(piece)))


_host = st.from_regex(r"[a-z][a-z0-9]{2,12}(-[a-z0-9]{1,8})?\.(com|net|org|ru|de)", fullmatch=True)


@given(
    host=_host,
    wrapping=st.sampled_from(["{}", "http://{}/x", "({})", "'{}',", "see {}.", "{}:443"]),
    defanged=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_name_is_found_in_every_wrapping_and_defanged(host: str, wrapping: str, defanged: bool) -> None:
    shown = host.replace(".", "[.]") if defanged else host
    domains = {value for kind, value in found(f"look at {wrapping.format(shown)} please") if kind == "domain-name"}
    placeholder = host in {"example.com", "foo.com", "bar.com", "test.com", "site.com", "email.com", "domain.com"}
    assert domains == set() if placeholder else domains == {host}


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    found(text)
