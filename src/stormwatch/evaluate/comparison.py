"""An earlier evaluation's JSON and one of now to the figures that both have, world by world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from stormwatch.evaluate.headline import Headline
from stormwatch.evaluate.scorecard import ScoreCard
from stormwatch.model.errors import InvalidInput


class EarlierCounts(msgspec.Struct, frozen=True):
    """The counts that tell whether two cards are about the same accounts, and the false accusations."""

    planted: int
    innocents: int
    innocents_over_threshold: int


class EarlierCard(msgspec.Struct, frozen=True):
    """What is read of an earlier score card. A figure that it lacks, as older versions may, is None."""

    name: str
    figures: dict[str, float | None]
    counts: EarlierCounts


class Earlier(msgspec.Struct, frozen=True):
    """An earlier evaluation."""

    worlds: tuple[EarlierCard, ...]
    pooled: EarlierCard | None = None


class Change(msgspec.Struct, frozen=True):
    """A figure then and now; None where there was or is none."""

    world: str
    figure: str
    before: float | None
    now: float | None


def read_earlier(path: Path) -> Earlier:
    """What `evaluate --json` printed; InvalidInput when it is anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Earlier)
    except (OSError, msgspec.DecodeError) as error:
        remedy = "name a file that holds what `stormwatch evaluate --json` printed"
        raise InvalidInput(f"no earlier evaluation can be read: {error}", where=str(path), remedy=remedy) from error


def changes(earlier: Earlier, cards: Sequence[ScoreCard]) -> tuple[Change, ...]:
    """Every figure that differs, of the worlds that both know by name and size; what is pooled where all worlds are."""
    known = {card.name: card for card in (*earlier.worlds, *([earlier.pooled] if earlier.pooled else []))}
    same = [card for card in cards if card.name in known and _same_accounts(known[card.name], card)]
    return tuple(change for card in same for change in _changes(known[card.name], card))


def _same_accounts(before: EarlierCard, now: ScoreCard) -> bool:
    return (before.counts.planted, before.counts.innocents) == (now.counts.planted, now.counts.innocents)


def _changes(before: EarlierCard, now: ScoreCard) -> Iterable[Change]:
    figures = asdict(now.figures)
    for name in Headline.__struct_fields__:
        if before.figures.get(name) != _in_json(figures[name]):
            yield Change(now.name, name, before.figures.get(name), figures[name])
    was, accused = before.counts.innocents_over_threshold, now.counts.innocents_over_threshold
    if was != accused:
        yield Change(now.name, "innocents_over_threshold", was, accused)


def _in_json(value: float | None) -> float | None:
    """The value as it comes back from JSON, which has no word for what is infinite."""
    return msgspec.json.decode(msgspec.json.encode(value), type=float | None)
