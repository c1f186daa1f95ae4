"""Texts to technical names pasted in them: wallets, packages, debug paths, registry keys, mutexes, CVE ids, pseudonyms.

Each needs a form or words around it that ordinary code does not have: a checksum, `pip install`, `.pdb`, `HKLM`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Final

from stormwatch.model.observable import Observable, ObservableKind

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_STEPS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ENDS: Final = frozenset({1, 0x2BC830A3})  # bech32 and bech32m
_FEWEST_DIGITS: Final = 6

# Name -> what the scanner looks for before the finder is worth running.
TRIGGERS: Final = {
    "wallet": rb"\b(?:bc1[02-9ac-hj-np-z]{11}|0x[0-9a-f]{40}\b|[13][1-9a-hj-np-z]{25,34}\b)",
    "package": rb"\b(?:pip3? install|(?:npm|yarn|pnpm) (?:i|install|add)|applicationid|package ?name|package=|pm clear|"
    rb"pm (?:un)?install) ?",
    "debug path": rb"\\[^\\\n]{1,80}\.pdb\b",
    "registry": rb"\bhk(?:lm|cu|cr|u|ey_[a-z_]{5,20})\\\w",
    "mutex": rb"createmutex|\bglobal\\\w",
    "cve": rb"\bcve-\d{4}-\d{4}",
    "secret": rb"\[redacted:",
}

_WALLET: Final = re.compile(
    r"(?<![\w/+=])(?:bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71}|0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{25,34})"
    r"(?![\w/+=])",
    re.ASCII,
)
_INSTALLED: Final = re.compile(
    r"\b(?:(?P<pypi>pip3? install)|(?:npm|yarn|pnpm) (?:i|install|add))"
    r"(?: -(?![rce]\b|-requirement|-constraint|-editable)-?[a-z-]{1,20})* "
    r"(?P<name>@?[a-z0-9][\w.-]{1,60}(?:/[a-z0-9][\w.-]{1,60})?)(?=[\s;&|=<>~@\[\"'`)]|$)",
    re.IGNORECASE | re.ASCII,
)
_ANDROID: Final = re.compile(
    r"\b(?:applicationId|package ?name|package=|pm clear|pm (?:un)?install)[\s:=\"'`]{1,4}"
    r"(?P<name>(?:[a-z]\w{0,40}\.){2,6}[a-z]\w{0,40})(?![\w.(])",
    re.IGNORECASE | re.ASCII,
)
_DEBUG_PATH: Final = re.compile(
    r"(?<![\w\\])[A-Za-z]:\\(?:[^\\/:*?\"<>|\r\n]{1,80}\\){0,20}[^\\/:*?\"<>|\r\n]{1,80}\.pdb\b", re.I
)
_REGISTRY: Final = re.compile(
    r"(?<![\w\\])(?P<hive>HKEY_[A-Z_]{5,20}|HKLM|HKCU|HKCR|HKU)\\(?P<rest>[\w{}.-]+(?:\\[\w{}.-]+){1,15})", re.I
)
_HIVES: Final = {
    "hkey_local_machine": "hklm", "hkey_current_user": "hkcu", "hkey_classes_root": "hkcr", "hkey_users": "hku",
}  # fmt: skip
_MUTEX: Final = re.compile(
    r"CreateMutex(?:Ex)?[AW]?\s?\([^\"\n]{0,60}\"(?P<made>[^\"\n]{4,80})\"|(?<![\w\\])Global\\{1,2}(?P<named>[\w{}-]{4,64})",
    re.I,
)
_CVE: Final = re.compile(r"\bCVE-(?:19|20)\d\d-\d{4,7}\b", re.I | re.ASCII)
_SECRET: Final = re.compile(r"\[redacted:([a-z0-9-]{2,30}:[0-9a-f]{8,64})\]")


def find_technical_names(text: str, triggers: set[str]) -> Iterator[Observable]:
    """The names that the finders of `triggers` see in one text."""
    for name in TRIGGERS:
        if name in triggers:
            yield from _FINDERS[name](text)


def _wallets(text: str) -> Iterator[Observable]:
    for match in _WALLET.finditer(text):
        value = match[0]
        if value.startswith("0x"):
            if len(set(value[2:].lower())) >= _FEWEST_DIGITS:
                yield Observable(ObservableKind.WALLET, value.lower())
        elif value[:3].lower() == "bc1":
            if _is_bech32(value.lower()):
                yield Observable(ObservableKind.WALLET, value.lower())
        elif _is_base58_check(value):
            yield Observable(ObservableKind.WALLET, value)


def _is_bech32(value: str) -> bool:
    check = 1
    for number in (3, 3, 0, 2, 3, *(_BECH32.index(letter) for letter in value[3:])):  # `bc` spread out, then the data
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ number
        for place, step in enumerate(_BECH32_STEPS):
            check ^= step if top >> place & 1 else 0
    return check in _BECH32_ENDS


def _is_base58_check(value: str) -> bool:
    number = 0
    for letter in value:
        number = number * 58 + _BASE58.index(letter)
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _packages(text: str) -> Iterator[Observable]:
    for match in _INSTALLED.finditer(text):
        source = "pypi" if match["pypi"] else "npm"
        yield Observable(ObservableKind.PACKAGE, f"{source}:{match['name'].rstrip('.-').lower()}")
    for match in _ANDROID.finditer(text):
        yield Observable(ObservableKind.PACKAGE, match["name"].lower())


def _debug_paths(text: str) -> Iterator[Observable]:
    for match in _DEBUG_PATH.finditer(text):
        yield Observable(ObservableKind.FILE_PATH, match[0].lower())


def _registry_keys(text: str) -> Iterator[Observable]:
    for match in _REGISTRY.finditer(text):
        hive = match["hive"].lower()
        yield Observable(ObservableKind.REGISTRY_KEY, f"{_HIVES.get(hive, hive)}\\{match['rest'].lower().rstrip('.-')}")


def _mutexes(text: str) -> Iterator[Observable]:
    for match in _MUTEX.finditer(text):
        name = match["made"] or match["named"]
        yield Observable(ObservableKind.MUTEX, re.sub(r"^(?:Global|Local)\\{1,2}", "", name, flags=re.I))


def _vulnerabilities(text: str) -> Iterator[Observable]:
    for match in _CVE.finditer(text):
        yield Observable(ObservableKind.VULNERABILITY, match[0].upper())


def _secrets(text: str) -> Iterator[Observable]:
    for match in _SECRET.finditer(text):
        yield Observable(ObservableKind.PSEUDONYM, match[1])


_FINDERS: Final[dict[str, Callable[[str], Iterator[Observable]]]] = {
    "wallet": _wallets,
    "package": _packages,
    "debug path": _debug_paths,
    "registry": _registry_keys,
    "mutex": _mutexes,
    "cve": _vulnerabilities,
    "secret": _secrets,
}
