"""Folders of worlds to score cards: one per world and one of all, the worlds played one after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import load_settings, shipped
from stormwatch.evaluate.answers import rates_without_evidence
from stormwatch.evaluate.bootstrap import RESAMPLES
from stormwatch.evaluate.outcome import Outcome
from stormwatch.evaluate.route import Cost, play
from stormwatch.evaluate.scorecard import ScoreCard, score_card
from stormwatch.evaluate.scored import ScoredWorld, score_world, timed_accounts
from stormwatch.evaluate.seen import read_seen
from stormwatch.evaluate.swap import Swap, compare, swapped_world
from stormwatch.evaluate.worlds import World, read_worlds
from stormwatch.model.progress import ProgressReport


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scored worlds, a card of each, and the card of all of them (None when there is one world)."""

    worlds: Sequence[ScoredWorld]
    cards: Sequence[ScoreCard]
    pooled: ScoreCard | None

    @property
    def all_cards(self) -> Sequence[ScoreCard]:
        """Each world's card, then that of all of them where there are several."""
        return [*self.cards, *([self.pooled] if self.pooled else [])]

    @property
    def whole(self) -> ScoreCard:
        """The card that speaks for everything that was evaluated."""
        return self.pooled or self.cards[0]


def evaluate(
    paths: Sequence[Path],
    root: Path | None,
    *,
    reuse: bool = False,
    swap: bool = False,
    resamples: int = RESAMPLES,
    progress: ProgressReport,
) -> Evaluation:
    """Plays and scores the worlds with homes below `root`, or in a temporary folder; `swap` hunts a swapped copy, too.

    InvalidInput about a bad world comes before anything is taken in.
    """
    worlds = read_worlds(paths)
    with ExitStack() as ending:
        if root is None:
            root = Path(ending.enter_context(TemporaryDirectory(prefix="stormwatch-evaluate-")))
        player = _Player(root, reuse, swap, progress)
        scored = [player.scored(world) for world in worlds]
    cards = [score_card(one.name, [one], resamples) for one in scored]
    pooled = score_card("pooled", scored, resamples) if len(scored) > 1 else None
    return Evaluation(scored, cards, pooled)


@dataclass(frozen=True, slots=True)
class _Player:
    """How worlds are played: where their homes are, and what is asked for."""

    root: Path
    reuse: bool
    swap: bool
    progress: ProgressReport

    def scored(self, world: World) -> ScoredWorld:
        """One world, played and put beside its truth."""
        outcome, cost = self._played(world)
        profiles = load_profiles((shipped("profiles"), *load_settings(self.root / world.name).profiles))
        rates = rates_without_evidence(load_base_rates(len(profiles)), [profile.actor_id for profile in profiles])
        scored = score_world(world, outcome, read_seen(world.path, timed_accounts(world)), rates, cost)
        return replace(scored, swap=self._swapped(world, outcome)) if self.swap else scored

    def _swapped(self, world: World, outcome: Outcome) -> Swap:
        with TemporaryDirectory(prefix="stormwatch-swapped-") as temporary:
            other, moved = swapped_world(world, Path(temporary))
            return compare(outcome, self._played(other)[0], moved)

    def _played(self, world: World) -> tuple[Outcome, Cost]:
        def told(step: str, done: int, total: int | None) -> None:
            self.progress(f"{world.name}: {step}", done, total)

        return play(world, self.root, reuse=self.reuse, progress=told)
