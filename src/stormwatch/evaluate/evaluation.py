"""Folders of worlds to score cards: one per world and one of all, the worlds played one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import load_settings, shipped
from stormwatch.evaluate.answers import rates_without_evidence
from stormwatch.evaluate.bootstrap import RESAMPLES
from stormwatch.evaluate.route import play
from stormwatch.evaluate.scorecard import ScoreCard, score_card
from stormwatch.evaluate.scored import ScoredWorld, score_world, timed_accounts
from stormwatch.evaluate.seen import read_seen
from stormwatch.evaluate.worlds import World, read_worlds
from stormwatch.model.progress import ProgressReport


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scored worlds, a card of each, and the card of all of them (None when there is one world)."""

    worlds: Sequence[ScoredWorld]
    cards: Sequence[ScoreCard]
    pooled: ScoreCard | None

    @property
    def whole(self) -> ScoreCard:
        """The card that speaks for everything that was evaluated."""
        return self.pooled or self.cards[0]


def evaluate(
    paths: Sequence[Path],
    root: Path | None,
    *,
    reuse: bool = False,
    resamples: int = RESAMPLES,
    progress: ProgressReport,
) -> Evaluation:
    """Plays and scores the worlds with homes below `root`, or in a temporary folder.

    InvalidInput about a bad world comes before anything is taken in.
    """
    worlds = read_worlds(paths)
    if root is not None:
        scored = [_scored(world, root, reuse=reuse, progress=progress) for world in worlds]
    else:
        with TemporaryDirectory(prefix="stormwatch-evaluate-") as temporary:
            scored = [_scored(world, Path(temporary), reuse=False, progress=progress) for world in worlds]
    cards = [score_card(one.name, [one], resamples) for one in scored]
    pooled = score_card("pooled", scored, resamples) if len(scored) > 1 else None
    return Evaluation(scored, cards, pooled)


def _scored(world: World, root: Path, *, reuse: bool, progress: ProgressReport) -> ScoredWorld:
    def told(step: str, done: int, total: int | None) -> None:
        progress(f"{world.name}: {step}", done, total)

    outcome, cost = play(world, root, reuse=reuse, progress=told)
    settings = load_settings(root / world.name)
    profiles = load_profiles((shipped("profiles"), *settings.profiles))
    rates = rates_without_evidence(load_base_rates(len(profiles)), [profile.actor_id for profile in profiles])
    return score_world(world, outcome, read_seen(world.path, timed_accounts(world)), rates, cost)
