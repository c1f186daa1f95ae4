"""The settings of a made-up world, each with its meaning and range, read from `name=value` pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

from stormwatch.model.errors import WrongUsage
from stormwatch.model.times import to_us


def _knob(default: float, low: float, high: float, meaning: str) -> float:
    value: float = field(default=default, metadata={"low": low, "high": high, "meaning": meaning})
    return value


@dataclass(frozen=True, slots=True)
class Knobs:
    """How a world is set. `shares` and `start` are set apart from the numbers."""

    prompt_chars: float = _knob(260, 80, 4000, "average length of a prompt in characters, with a long tail")
    campaign_size: float = _knob(7, 2, 60, "accounts in a campaign, about")
    copies: float = _knob(1, 0, 50, "campaigns of each kind")
    infra_twins: float = _knob(2, 0, 10, "innocent groups per campaign with the same pattern of infrastructure")
    content_twins: float = _knob(2, 0, 10, "innocent groups per campaign with the same kind of text")
    on_goal: float = _knob(0.3, 0, 1, "share of a campaign's requests that serve its goal; the rest is mundane")
    reuse_address: float = _knob(0.6, 0, 1, "chance that a campaign account also comes from the campaign's own servers")
    reuse_device: float = _knob(0.5, 0, 1, "chance that a campaign account shares a device")
    reuse_payment: float = _knob(0.4, 0, 1, "chance that a campaign account shares a means of payment")
    reuse_artefact: float = _knob(
        0.4, 0, 1, "chance that a request on the goal carries a host or domain of the campaign"
    )
    native_language: float = _knob(0.45, 0, 1, "share of a campaign's requests in its own language")
    shift_hours: float = _knob(0, -12, 12, "hours by which campaigns move their working day to mislead")
    evasion: float = _knob(0, 0, 1, "how much of all reuse the campaigns avoid: 0 none, 1 all")
    intel_known: float = _knob(0.4, 0, 1, "share of the campaigns' servers and domains that partners know of")
    intel_noise: float = _knob(60, 0, 2000, "irrelevant indicators in the partners' bundle")
    start_us: int = field(default=to_us(datetime(2024, 1, 15, tzinfo=UTC)))
    shares: tuple[tuple[str, float], ...] = ()

    def share(self, kind: str, default: float) -> float:
        """The share of accounts of a kind of look-alike: as set with `share.<kind>=`, else the default."""
        return dict(self.shares).get(kind, default)

    def kept(self, reuse: float) -> float:
        """A chance of reuse after evasion."""
        return reuse * (1.0 - self.evasion)


def numbers() -> tuple[tuple[str, float, float, float, str], ...]:
    """(name, default, low, high, meaning) of every number among the knobs, for help and documentation."""
    plain = Knobs()
    return tuple(
        (knob.name, getattr(plain, knob.name), knob.metadata["low"], knob.metadata["high"], knob.metadata["meaning"])
        for knob in fields(Knobs)
        if knob.metadata
    )


def parse_knobs(pairs: Iterable[str], kinds: Iterable[str]) -> Knobs:
    """Knobs from `name=value` pairs: a number's name, `start=YYYY-MM-DD`, or `share.<kind>=`.

    Raises WrongUsage for an unknown name, a value that is none, or one out of range.
    """
    knobs, known, shares = Knobs(), {row[0]: row for row in numbers()}, dict[str, float]()
    allowed = set(kinds)
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise WrongUsage(f"{pair!r} is no knob", where="--knob", remedy="write name=value")
        if name == "start":
            knobs = replace(knobs, start_us=_day(text))
        elif name in known:
            changed: dict[str, float] = {name: _number(name, text, known[name][2], known[name][3])}
            knobs = replace(knobs, **changed)  # type: ignore[arg-type]
        elif name.removeprefix("share.") in allowed and name.startswith("share."):
            shares[name.removeprefix("share.")] = _number(name, text, 0.0, 1.0)
        else:
            choices = ", ".join([*known, "start", "share.<kind>"])
            raise WrongUsage(f"there is no knob {name!r}", where="--knob", remedy=f"use one of {choices}")
    return replace(knobs, shares=tuple(sorted(shares.items())))


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise WrongUsage(f"knob {name}: {text!r} is no number", where="--knob") from error
    if not low <= value <= high:
        raise WrongUsage(f"knob {name}: {text} is out of range", where="--knob", remedy=f"use {low:g} to {high:g}")
    return value


def _day(text: str) -> int:
    try:
        return to_us(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError as error:
        raise WrongUsage(f"knob start: {text!r} is no day", where="--knob", remedy="write YYYY-MM-DD") from error
