"""Whether something with dots in it is a domain name: top-level domain, shape and what stands around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

_LONGEST_NAME: Final = 253
_AROUND_BEFORE: Final = 48
_AROUND_AFTER: Final = 24
_NETWORK_WORDS: Final = re.compile(
    r"\b(?:resolv\w*|(?:sub)?domains?|dns|hosts?|hostname|servers?|web ?sites?|whois|ping|nslookup|dig|curl|wget|"
    r"malicious|suspicious|phishing|malware|indicators?|iocs?|reputation|investigate|"
    r"blocked|detection|unreachable|"
    r"endpoint|c2|callback|beacon|connect\w*|urls?|proxy|tls|ssl|certificate|registrar|traffic|firewall|blocklist|"
    r"домен\w*|сервер\w*|сайт\w*|域名|服务器|网站|解析|دامنه|سرور|도메인|서버)",
    re.IGNORECASE,
)
# `com.vendor.product` is a package, not a host.
_PACKAGE_ROOTS: Final = frozenset({"com", "org", "net", "io"})


@dataclass(frozen=True, slots=True)
class DomainList:
    """The words of data/domains.yaml."""

    known: frozenset[str]
    file_endings: frozenset[str]
    code_words: frozenset[str]
    placeholders: frozenset[str]


@cache
def domain_list() -> DomainList:
    """Reads data/domains.yaml: kinds of endings, and placeholders, to words."""
    text = resources.files("stormwatch.detections").joinpath("data", "domains.yaml").read_text(encoding="utf-8")
    words = {key: frozenset(value.split()) for key, value in yaml.safe_load(text).items()}
    return DomainList(
        known=words["generic"] | words["country"] | words["reserved"],
        file_endings=words["file_endings"],
        code_words=words["code_words"],
        placeholders=words["placeholders"],
    )


def is_domain(name: str, *, sure: bool, text: str, start: int, end: int) -> bool:
    """Whether `name`, standing at text[start:end], is a domain that identifies something.

    `sure` says that its form tells already (part of a URL or address, or defanged). Heuristic: no public-suffix list is
    shipped or fetched, so a name below a doubtful ending needs a network word near it.
    """
    lowered = name.lower()
    top = name.rpartition(".")[2]
    words = domain_list()
    if len(name) > _LONGEST_NAME or not (top.lower() in words.known or lowered.rpartition(".")[2].startswith("xn--")):
        return False
    if any(lowered == place or lowered.endswith("." + place) for place in words.placeholders):
        return False
    if sure:
        return True
    labels = lowered.split(".")
    if not (top.islower() or top.isupper()) or text[end : end + 1] in ("(", "[", "="):
        return False
    if len(labels) > 2 and labels[0] in _PACKAGE_ROOTS:
        return False
    doubtful = top.lower() in words.file_endings or (top.lower() in words.code_words and "-" not in name)
    if not doubtful or labels[0] == "www":
        return True
    around = text[max(0, start - _AROUND_BEFORE) : start] + " " + text[end : end + _AROUND_AFTER]
    return _NETWORK_WORDS.search(around) is not None
