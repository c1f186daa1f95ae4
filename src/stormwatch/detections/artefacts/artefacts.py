"""Texts to the artefacts pasted in them: URLs, names, addresses, mails, hashes, defanged too, and technical names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import hyperscan as hs

from stormwatch.detections.artefacts.domain_names import domain_list, is_domain
from stormwatch.detections.artefacts.technical_names import TRIGGERS, find_technical_names
from stormwatch.detections.text.normalise import NORMALISER_VERSION, NormalText
from stormwatch.model.observable import Observable, ObservableKind

# Raised whenever the same text may give other artefacts.
EXTRACTOR_VERSION: Final = f"3.{NORMALISER_VERSION}"
# A pasted blocklist says nothing more after this many; it keeps one event from swamping the table.
MOST_PER_EVENT: Final = 500
_MOST_WINDOWS: Final = 5_000

# A defanged dot becomes U+2024, which NFKC leaves in no text, so that the finders know that it was defanged.
_DOT: Final = "\u2024"
_DEFANGED_DOT: Final = re.compile(r"\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?", re.IGNORECASE)
_DEFANGED_COLON: Final = re.compile(r"\[:(?://)?\]")
_DEFANGED_AT: Final = re.compile(r"\s?[\[({]\s?(?:@|at)\s?[\])}]\s?", re.IGNORECASE)

_URL: Final = re.compile(
    r"(?<![a-z0-9])(?:https?|hxxps?|h\*\*ps?|ftps?|wss?)://[^\s<>\"'`|\\^{}\x00-\x1f]{3,2048}", re.IGNORECASE
)
_URL_PARTS: Final = re.compile(
    r"(?P<scheme>[a-z*]+)://(?:[^/?#@]*@)?(?P<host>\[[0-9a-f:.]+\]|[^/?#:@\[\]]+)(?P<port>:\d{1,5})?(?P<rest>(?:[/?#].*)?)$",
    re.IGNORECASE | re.DOTALL,
)
_LABELS: Final = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?[.\u2024]){1,10}(?:xn--[a-z0-9-]{2,59}|[a-z]{2,24})"
_EMAIL: Final = re.compile(
    rf"(?<![\w.%+@/-])(?!git@)([a-z0-9][a-z0-9._%+-]{{0,63}})@({_LABELS})(?![\w-])", re.IGNORECASE | re.ASCII
)
_DOMAIN: Final = re.compile(rf"(?<![\w@.\u2024$%/\\-]){_LABELS}(?![\w@-])", re.IGNORECASE | re.ASCII)
_IPV4: Final = re.compile(r"(?<![\w.\u2024-])(?:\d{1,3}[.\u2024]){3}\d{1,3}(?![\w-]|\.\d|/\d{1,2}\b)", re.ASCII)
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:.]|/\d)", re.IGNORECASE | re.ASCII)
_HASH: Final = re.compile(
    r"(?<![0-9a-z-])[0-9a-f]{32}(?:[0-9a-f]{8}(?:[0-9a-f]{24})?)?(?![0-9a-z-])", re.IGNORECASE | re.ASCII
)
_VERSION_BEFORE: Final = re.compile(r"(?:\bv|\bver\.?|version|release|build)\s?$", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]}>*_\u2024"
_MARK: Final = re.compile(r"[.\u2024]|://")
_DOTTED: Final = frozenset({"url", "email", "domain", "ipv4"})
_HASH_KINDS: Final = {32: ObservableKind.MD5, 40: ObservableKind.SHA1, 64: ObservableKind.SHA256}
_FEWEST_HASH_DIGITS: Final = 6

# Addresses that mean nothing outside one network (RFC 6890); the ranges kept for documentation are not among them,
# because made-up worlds live there.
_NOWHERE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something identifying that was pasted, and the text field it stood in."""

    observable: Observable
    field: str


class ArtefactExtractor:
    """Finds artefacts. One Hyperscan pass tells which finders are worth running, which on most texts is none."""

    def __init__(self) -> None:
        # Two letters, or how a longer top-level domain begins: all of them written out take far longer to compile.
        tops = "|".join(sorted({top[:3] for top in domain_list().known if len(top) > 2}))
        self._triggers: Final = (
            (rb":\]?//", "url"),
            (rb"[\[({]\s?(?:\.|dot)\s?[\])}]", "defanged"),
            (rb"\w(?:@|\s?[\[({]\s?(?:at|@)\s?[\])}]\s?)[a-z0-9]", "email"),
            (rb"[a-z0-9]\.(?:[a-z]{2}\b|xn--|" + tops.encode() + rb")", "domain"),
            (rb"\d\.\d{1,3}\.\d{1,3}\.\d", "ipv4"),
            (rb"[0-9a-f]{1,4}:[0-9a-f]{0,4}:[0-9a-f]{0,4}", "ipv6"),
            (rb"[0-9a-f]{32}", "hash"),
            *((expression, name) for name, expression in TRIGGERS.items()),
        )
        self._database: Final[Any] = hs.Database(mode=hs.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[expression for expression, _ in self._triggers],
            ids=list(range(len(self._triggers))),
            elements=len(self._triggers),
            flags=[hs.HS_FLAG_CASELESS | hs.HS_FLAG_SINGLEMATCH] * len(self._triggers),
        )

    def extract(self, text: NormalText) -> list[Artefact]:
        """The distinct artefacts of an event's normalised text, field by field, in the order of their kinds."""
        found: dict[Artefact, None] = {}
        for field, content, raw in text.filled:
            triggers: set[int] = set()
            self._database.scan(raw, match_event_handler=_collect, context=triggers)
            if triggers:
                names = {self._triggers[number][1] for number in triggers}
                found.update((Artefact(observable, field), None) for observable in find_artefacts(content, names))
            if len(found) > MOST_PER_EVENT:
                return list(found)[:MOST_PER_EVENT]
        return list(found)


def _collect(number: int, _start: int, _end: int, _flags: int, found: set[int]) -> None:
    found.add(number)


def find_artefacts(text: str, triggers: set[str]) -> Iterator[Observable]:
    """The artefacts of one text, by the finders that `triggers` names; a name inside a URL is not found twice."""
    if "defanged" in triggers:
        text, triggers = _refang(text), triggers | {"domain", "ipv4"}
    elif "email" in triggers:
        text = _DEFANGED_AT.sub("@", text)
    if not triggers.isdisjoint(_DOTTED):
        for start, end in islice(_windows(text), _MOST_WINDOWS):
            yield from _in_window(text, start, end, triggers)
    if "ipv6" in triggers:
        yield from _ipv6_addresses(text)
    if "hash" in triggers:
        yield from _hashes(text)
    yield from find_technical_names(text, triggers)


def _refang(text: str) -> str:
    text = _DEFANGED_COLON.sub(lambda match: match[0].strip("[]"), text)
    text = _DEFANGED_DOT.sub(_DOT, text)
    return _DEFANGED_AT.sub("@", text)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Runs without blanks that hold a dot: everything dotted lies in one, and most of a text lies in none."""
    place = 0
    while (mark := _MARK.search(text, place)) is not None:
        at = mark.start()
        start = max(text.rfind(" ", place, at), text.rfind("\n", place, at), place - 1) + 1
        end = min(_find(text, " ", at), _find(text, "\n", at))
        yield start, end
        place = end


def _find(text: str, character: str, start: int) -> int:
    found = text.find(character, start)
    return len(text) if found < 0 else found


def _in_window(text: str, start: int, end: int, triggers: set[str]) -> Iterator[Observable]:
    piece = text[start:end]
    if "://" in piece:
        urls = list(_URL.finditer(piece))
        for match in urls:
            yield from _from_url(match[0])
        piece = _blank(piece, urls)
    if "@" in piece:
        emails = list(_EMAIL.finditer(piece))
        for match in emails:
            yield from _from_email(match)
        piece = _blank(piece, emails)
    if "domain" in triggers:
        yield from _domains(piece, text, start)
    if "ipv4" in triggers:
        yield from _ipv4_addresses(piece, text, start)


def _blank(text: str, matches: list[re.Match[str]]) -> str:
    if not matches:
        return text
    parts, place = [], 0
    for match in matches:
        parts += [text[place : match.start()], " " * len(match[0])]
        place = match.end()
    return "".join([*parts, text[place:]])


def _from_url(raw: str) -> Iterator[Observable]:
    parts = _URL_PARTS.match(raw.rstrip(_TRAILING).replace(_DOT, "."))
    if parts is None:
        return
    host = parts["host"].lower().rstrip(".")
    named = list(_host(host))
    if not named:
        return
    scheme = parts["scheme"].lower().replace("hxxp", "http").replace("h**p", "http")
    yield Observable(ObservableKind.URL, f"{scheme}://{host}{parts['port'] or ''}{parts['rest']}")
    yield from named


def _host(host: str) -> Iterator[Observable]:
    if host.startswith("["):
        yield from _ipv6(host.strip("[]"))
    elif host.replace(".", "").isdigit():
        yield from _ipv4(host)
    elif "." in host and is_domain(host, sure=True, text=host, start=0, end=len(host)):
        yield Observable(ObservableKind.DOMAIN, host)


def _from_email(match: re.Match[str]) -> Iterator[Observable]:
    domain = match[2].replace(_DOT, ".")
    if is_domain(domain, sure=True, text=match.string, start=match.start(), end=match.end()):
        yield Observable(ObservableKind.EMAIL, f"{match[1]}@{domain}".lower())


def _domains(piece: str, text: str, offset: int) -> Iterator[Observable]:
    for match in _DOMAIN.finditer(piece):
        name = match[0].replace(_DOT, ".")
        start, end = offset + match.start(), offset + match.end()
        if is_domain(name, sure=_DOT in match[0], text=text, start=start, end=end):
            yield Observable(ObservableKind.DOMAIN, name.lower())


def _ipv4_addresses(piece: str, text: str, offset: int) -> Iterator[Observable]:
    for match in _IPV4.finditer(piece):
        start = offset + match.start()
        if not _VERSION_BEFORE.search(text[max(0, start - 10) : start]):
            yield from _ipv4(match[0].replace(_DOT, "."))


def _ipv4(text: str) -> Iterator[Observable]:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return
    if not any(address in network for network in _NOWHERE):
        yield Observable(ObservableKind.IPV4, str(address))


def _ipv6_addresses(text: str) -> Iterator[Observable]:
    for match in _IPV6.finditer(text):
        yield from _ipv6(match[0])


def _ipv6(text: str) -> Iterator[Observable]:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return
    if address in _GLOBAL_IPV6:
        yield Observable(ObservableKind.IPV6, str(address))


def _hashes(text: str) -> Iterator[Observable]:
    for match in _HASH.finditer(text):
        value = match[0].lower()
        mixed = not value.isdigit() and not value.isalpha()
        if mixed and len(set(value)) >= _FEWEST_HASH_DIGITS:
            yield Observable(_HASH_KINDS[len(value)], value)
