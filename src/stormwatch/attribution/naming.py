"""Hypotheses to what people read for them: the title of an actor's profile, or a residual explanation in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.model.assessment import residual_words


def hypothesis_words(hypothesis: str) -> str:
    """The words of a hypothesis; an actor of whom no shipped profile knows is called by its id."""
    return residual_words(hypothesis) or _titles().get(hypothesis) or hypothesis.replace("-", " ").title()


@cache
def _titles() -> Mapping[str, str]:
    return {profile.actor_id: profile.title for profile in load_profiles((shipped("profiles"),))}
