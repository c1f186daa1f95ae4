"""What a request's software looks like: user agent, TLS fingerprint, device and key, consistent with one another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from stormwatch.simulate.dice import Choice, Dice

_SYSTEMS: Final = (
    ("Windows NT 10.0; Win64; x64", "chrome", 34),
    ("Windows NT 10.0; Win64; x64; rv:{v}.0", "firefox", 8),
    ("Macintosh; Intel Mac OS X 10_15_7", "chrome", 14),
    ("Macintosh; Intel Mac OS X 10_15_7", "safari", 10),
    ("X11; Linux x86_64", "chrome", 7),
    ("X11; Linux x86_64; rv:{v}.0", "firefox", 4),
    ("Linux; Android 14; K", "mobile", 14),
    ("iPhone; CPU iPhone OS 17_3 like Mac OS X", "ios", 13),
)
_BLINK: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_LIBRARIES: Final = (
    "example-llm-python/1.{v}.0",
    "example-llm-node/4.{v}.1",
    "python-httpx/0.{v}.0",
    "Go-http-client/2.0",
)


@dataclass(frozen=True, slots=True)
class Client:
    """One piece of software on one machine. `device_id` is None where the software reports none."""

    user_agent: str
    tls_fingerprint: str
    device_id: str | None
    api_key_id: str | None = None


@cache
def _systems() -> Choice[int]:
    return Choice({index: float(row[2]) for index, row in enumerate(_SYSTEMS)})


def browser(dice: Dice, device_id: str | None = None) -> Client:
    """A browser; its TLS fingerprint follows from family and version, as JA4 does, so that very many share it."""
    system, family, _ = _SYSTEMS[_systems().draw(dice)]
    version = dice.between(115, 122)
    system = system.replace("{v}", str(version))
    webkit = f"Mozilla/5.0 ({system}) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    if family == "firefox":
        agent = f"Mozilla/5.0 ({system}) Gecko/20100101 Firefox/{version}.0"
    elif family == "safari":
        agent = f"{webkit} Version/17.{version % 4} Safari/605.1.15"
    elif family == "ios":
        agent = f"{webkit} Version/17.{version % 4} Mobile/15E148 Safari/604.1"
    else:
        mobile = " Mobile" if family == "mobile" else ""
        agent = f"Mozilla/5.0 ({system}) {_BLINK} Chrome/{version}.0.0.0{mobile} Safari/537.36"
    return Client(agent, _ja4(family, version, dice), device_id or f"dev_{dice.token()}")


def library(dice: Dice, api_key_id: str | None = None) -> Client:
    """A program that calls the service with a key and reports no device."""
    index = dice.below(len(_LIBRARIES))
    version = dice.between(3, 27)
    agent = _LIBRARIES[index].replace("{v}", str(version))
    return Client(agent, _ja4(f"library{index}", version // 9, dice), None, api_key_id or f"key_{dice.token()}")


def _ja4(family: str, version: int, dice: Dice) -> str:
    """A fingerprint of JA4's form; a few clients in a hundred have extensions of their own."""
    return _fingerprint(family, version // 2, dice.below(40) if dice.chance(0.04) else 0)


def rare_fingerprint(dice: Dice) -> str:
    """The fingerprint of a client that few people have, such as a browser made to hide its user."""
    return _fingerprint("rare", dice.below(100_000), 0)


@cache
def _fingerprint(family: str, version: int, own: int) -> str:
    stream = Dice("ja4", family, version, own)
    return f"t13d15{stream.between(10, 18)}h2_{stream.token()[:12]}_{stream.token()[:12]}"
