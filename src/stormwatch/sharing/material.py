"""What a bundle about a case is made of: the case's own finding, what was seen of it, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stormwatch.model.assessment import Confidence, Hypothesis
from stormwatch.model.case import Action, Case
from stormwatch.model.intel import TLP
from stormwatch.model.observable import Observable


@dataclass(frozen=True, slots=True)
class SeenObservable:
    """An observable in the evidence of a case: when it was seen there, and the level of the strictest source on it.

    `tlp` is None for what this provider found itself. `confidence` is the sources' highest, 0 to 100.
    """

    observable: Observable
    first_us: int
    last_us: int
    tlp: TLP | None = None
    confidence: int | None = None
    shared_lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseMaterial:
    """A case as far as a bundle may need it. Account ids are the provider's own: only pseudonyms leave.

    `name_conflicts` are sentences, by actor id, on what public sources disagree about in the actor's names.
    """

    case: Case
    hypotheses: tuple[Hypothesis, ...]
    confidence: Confidence | None
    calibrated_on: str | None
    first_us: int
    last_us: int
    events: int
    techniques: Counter[str] = field(default_factory=Counter)
    observables: tuple[SeenObservable, ...] = ()
    actions: tuple[Action, ...] = ()
    actor_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name_conflicts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
