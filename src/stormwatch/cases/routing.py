"""What is suspected of a case's accounts, held against the rules of the queues, gives the queue it waits in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.model.assessment import BENIGN, Hypothesis, HypothesisKind
from stormwatch.model.case import CaseState
from stormwatch.model.errors import InvalidInput, NotFound
from stormwatch.model.times import HOUR

_SHIPPED: Final = "queues.yaml"


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be so of a case for a queue to take it; what is left out is not asked about."""

    suspected: tuple[str, ...] = ()
    kind: HypothesisKind | None = None
    verified_researcher: bool | None = None

    def holds(self, suspected: Hypothesis | None, *, researcher: bool) -> bool:
        """Whether all of it is so."""
        name, kind = (None, None) if suspected is None else (suspected.hypothesis, suspected.kind)
        return (
            (not self.suspected or name in self.suspected)
            and self.kind in (None, kind)
            and self.verified_researcher in (None, researcher)
        )


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One queue: what it takes, what is done first there, and hours in which a case must leave each state."""

    queue: str
    title: str
    about: str
    due_hours: Mapping[CaseState, float]
    when: When = When()
    first_action: str = ""


Queues = Mapping[str, Queue]


@cache
def load_queues(path: Path | None = None) -> Queues:
    """All queues by id, in the order in which they are asked, from the operator's file or the shipped one.

    Raises InvalidInput for a file without their form, and for one whose last queue does not take every case.
    """
    where = str(path or _SHIPPED)
    try:
        raw = path.read_bytes() if path else resources.files(__package__).joinpath(_SHIPPED).read_bytes()
        queues = msgspec.yaml.decode(raw, type=list[Queue])
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"the queues cannot be read: {error}", where=where) from error
    if not queues or queues[-1].when != When():
        raise InvalidInput("the last queue must take every case", where=where, remedy="leave out its `when`")
    if len({each.queue for each in queues}) < len(queues):
        raise InvalidInput("two queues have the same name", where=where)
    return {each.queue: each for each in queues}


def queue_for(queues: Queues, hypotheses: Sequence[Hypothesis], *, researcher: bool) -> Queue:
    """The queue that takes a case with these hypotheses, of which the first-ranked but innocence counts."""
    suspected = next((each for each in hypotheses if each.hypothesis != BENIGN), None)
    return next(each for each in queues.values() if each.when.holds(suspected, researcher=researcher))


def due_after(hours: Mapping[str, float] | None, state: CaseState, now_us: int) -> int | None:
    """When a case that comes into a state now must have left it; None where its queue sets no time."""
    given = (hours or {}).get(state.value)
    return None if given is None else now_us + round(given * HOUR)


def queue_named(queues: Queues, name: str) -> Queue:
    """The queue of a name; NotFound lists the names there are."""
    if name not in queues:
        raise NotFound(f"there is no queue {name}", remedy=f"use one of {', '.join(queues)}")
    return queues[name]
