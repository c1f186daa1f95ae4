"""STIX patterns into observables and back: the comparison subset (=, IN, ISSUBSET, OR) that one sighting can answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import Observable, ObservableKind

_MAX_PATTERN: Final = 65_536
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<path>[a-z0-9-]+:[A-Za-z0-9_.'*\[\]-]*[A-Za-z0-9_'\]-])
    | (?P<word>[A-Za-z]+)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<mark><=|>=|!=|<>|[\[\](),=<>])
    )""",
    re.VERBOSE | re.DOTALL,
)
_USER_AGENT: Final = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
_KINDS: Final[Mapping[str, ObservableKind]] = {
    "ipv4-addr:value": ObservableKind.IPV4,
    "ipv6-addr:value": ObservableKind.IPV6,
    "network-traffic:src_ref.value": ObservableKind.IPV4,
    "network-traffic:dst_ref.value": ObservableKind.IPV4,
    "domain-name:value": ObservableKind.DOMAIN,
    "url:value": ObservableKind.URL,
    "email-addr:value": ObservableKind.EMAIL,
    "software:name": ObservableKind.SOFTWARE,
    "file:hashes.MD5": ObservableKind.MD5,
    "file:hashes.SHA1": ObservableKind.SHA1,
    "file:hashes.SHA256": ObservableKind.SHA256,
    _USER_AGENT.replace("'", ""): ObservableKind.USER_AGENT,
}
_HASH_SPELLINGS: Final = {
    "file:hashes.MD5": "file:hashes.MD5",
    "file:hashes.SHA-1": "file:hashes.SHA1",
    "file:hashes.SHA1": "file:hashes.SHA1",
    "file:hashes.SHA-256": "file:hashes.SHA256",
    "file:hashes.SHA256": "file:hashes.SHA256",
}
_PATHS: Final[Mapping[ObservableKind, str]] = {
    ObservableKind.DOMAIN: "domain-name:value",
    ObservableKind.URL: "url:value",
    ObservableKind.EMAIL: "email-addr:value",
    ObservableKind.SOFTWARE: "software:name",
    ObservableKind.PACKAGE: "software:name",
    ObservableKind.MD5: "file:hashes.MD5",
    ObservableKind.SHA1: "file:hashes.'SHA-1'",
    ObservableKind.SHA256: "file:hashes.'SHA-256'",
    ObservableKind.USER_AGENT: _USER_AGENT,
    ObservableKind.IPV4: "ipv4-addr:value",
    ObservableKind.IPV6: "ipv6-addr:value",
}


class UnsupportedPattern(ValueError):
    """A pattern outside the subset; the message says which part, in words that can be counted."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def observables_of(pattern: str) -> tuple[Observable, ...]:
    """The observables any one of which satisfies the pattern.

    A conjunction is refused rather than cut in half: one half of `a AND b` is no sign of what the source meant.
    """
    if len(pattern) > _MAX_PATTERN:
        raise UnsupportedPattern("pattern too long")
    tokens = list(_tokens(pattern))
    parser = _Parser(tokens)
    found = parser.observations()
    return tuple(dict.fromkeys(found))


def pattern_of(observable: Observable) -> str:
    """The STIX pattern for an observable; ValueError when STIX has no object for its kind."""
    if observable.kind is ObservableKind.CIDR:
        family = "ipv6-addr" if ":" in observable.value else "ipv4-addr"
        return f"[{family}:value ISSUBSET '{_quote(observable.value)}']"
    path = _PATHS.get(observable.kind)
    if path is None:
        raise ValueError(f"STIX has no pattern for {observable.kind}")
    return f"[{path} = '{_quote(observable.value)}']"


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _tokens(pattern: str) -> Iterator[_Token]:
    position, end = 0, len(pattern.rstrip())
    while position < end:
        found = _TOKEN.match(pattern, position)
        if found is None:
            raise UnsupportedPattern("not a STIX pattern")
        kind = str(found.lastgroup)
        yield _Token(kind, found.group(kind))
        position = found.end()


class _Parser:
    """Walks the tokens once; every rule either consumes tokens or raises, so it ends on any input."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def observations(self) -> list[Observable]:
        """Observation expressions joined by OR."""
        found = self._observation()
        while self._next < len(self._tokens):
            word = self._take("word", "qualifier or text after the pattern")
            if word.upper() != "OR":
                raise UnsupportedPattern(f"operator {word.upper()} between observations")
            found += self._observation()
        return found

    def _observation(self) -> list[Observable]:
        self._expect("[")
        found = self._comparison()
        while not self._at("]"):
            word = self._take("word", "comparison")
            if word.upper() != "OR":
                raise UnsupportedPattern(f"operator {word.upper()} between comparisons")
            found += self._comparison()
        self._expect("]")
        return found

    def _comparison(self) -> list[Observable]:
        path = self._take("path", "object path")
        operator = self._operator()
        values = self._values() if operator == "IN" else [self._string()]
        kind = _kind_of(path)
        if operator == "ISSUBSET" and kind not in {ObservableKind.IPV4, ObservableKind.IPV6}:
            raise UnsupportedPattern("operator ISSUBSET on something that is no address")
        return [_observable(kind, value) for value in values]

    def _operator(self) -> str:
        token = self._token("operator")
        operator = token.text.upper()
        if operator not in {"=", "IN", "ISSUBSET"}:
            raise UnsupportedPattern(f"operator {operator[:20]}")
        return operator

    def _values(self) -> list[str]:
        self._expect("(")
        values = [self._string()]
        while not self._at(")"):
            self._expect(",")
            values.append(self._string())
        self._expect(")")
        return values

    def _string(self) -> str:
        quoted = self._take("string", "quoted value")
        return re.sub(r"\\(.)", r"\1", quoted[1:-1])

    def _at(self, mark: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next] == _Token("mark", mark)

    def _expect(self, mark: str) -> None:
        if not self._at(mark):
            raise UnsupportedPattern("not a STIX pattern of simple comparisons")
        self._next += 1

    def _take(self, kind: str, wanted: str) -> str:
        token = self._token(wanted)
        if token.kind != kind:
            raise UnsupportedPattern(f"no {wanted} where one is due")
        return token.text

    def _token(self, wanted: str) -> _Token:
        if self._next >= len(self._tokens):
            raise UnsupportedPattern(f"no {wanted} where one is due")
        self._next += 1
        return self._tokens[self._next - 1]


def _kind_of(path: str) -> ObservableKind:
    bare = path.replace("'", "")
    kind = _KINDS.get(_HASH_SPELLINGS.get(bare, bare))
    if kind is None:
        raise UnsupportedPattern(f"object path {bare[:60]}")
    return kind


def _observable(kind: ObservableKind, value: str) -> Observable:
    try:
        return observable_of(kind, value)
    except ValueError as error:
        raise UnsupportedPattern(f"value of {kind} not readable") from error
