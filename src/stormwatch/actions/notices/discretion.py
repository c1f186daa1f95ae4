"""Looks into words for outsiders for what would tip somebody off: names of actors and indicators that others shared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, select

from stormwatch.actions.notices.desk import Desk
from stormwatch.attribution.profiles import profiles_now
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.model.normal_form import refang
from stormwatch.storage.tables.intel import indicators, intel_actor_names, intel_actors

_FEWEST_LETTERS: Final = 4  # shorter names of actors are words of every language
_FREE_TO_TELL: Final = (TLP.CLEAR.value, TLP.GREEN.value)
_AT_ONCE: Final = 500
_WORD: Final = re.compile(r"\w+")
_EDGES: Final = ".,;:!?()[]{}<>\"'«»“”‘’"


def require_discreet(desk: Desk, connection: Connection, text: str) -> None:
    """InvalidInput names what may not be told; the templates themselves name nothing of the kind."""
    revealed = [*_actors(desk, connection, text), *_indicators(connection, text)]
    if revealed:
        raise InvalidInput(
            f"this would tell an outsider about {', '.join(sorted(set(revealed)))}",
            remedy="say what was done and what the reader can do, without actors and indicators",
        )


def _actors(desk: Desk, connection: Connection, text: str) -> Iterator[str]:
    said = f" {_spelt(text)} "
    for name in _known_names(desk, connection):
        spelt = _spelt(name)
        if len(spelt) >= _FEWEST_LETTERS and f" {spelt} " in said:
            yield f"the actor {name}"


def _spelt(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _known_names(desk: Desk, connection: Connection) -> Iterable[str]:
    for profile in profiles_now(desk.profiles):
        yield profile.title
        yield from (name.name for name in profile.names)
    yield from connection.execute(select(intel_actors.c.name)).scalars()
    yield from connection.execute(select(intel_actor_names.c.name)).scalars()


def _indicators(connection: Connection, text: str) -> Iterator[str]:
    """Values of indicators among the words. What its source lets everybody know may be told."""
    words = sorted({word.strip(_EDGES) for word in refang(text).lower().split()} - {""})
    for start in range(0, len(words), _AT_ONCE):
        query = select(indicators.c.value).where(
            indicators.c.value.in_(words[start : start + _AT_ONCE]), indicators.c.tlp.not_in(_FREE_TO_TELL)
        )
        yield from (f"the indicator {value}" for value in connection.execute(query).scalars())
