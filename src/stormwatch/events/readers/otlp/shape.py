"""Which of a set of attributes say what, worked out once for each set: senders repeat the same few sets for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from stormwatch.events.readers.otlp.names import AccountName, AttributeNames, Names, Numbered
from stormwatch.events.readers.otlp.spans import Attributes

_SHAPES_REMEMBERED: Final = 4096  # senders choose names, so there is no end of sets

Fields = tuple[tuple[str, Names], ...]


class Shape(msgspec.Struct, frozen=True, gc=False):
    """What is to be asked of attributes with these names: those that are there, in order of preference."""

    is_recognised: bool
    texts: Fields
    counts: Fields
    finish_reasons: Names
    system: Names
    input: Names
    output: Names
    input_families: tuple[Numbered, ...]
    output_families: tuple[Numbered, ...]
    tools: Names
    tool_families: Names
    authenticated: tuple[AccountName, ...]
    asserted: tuple[AccountName, ...]
    peer: Names
    told: Names
    forwarded: Names
    user_agent: Names
    rest: Names


class Shapes:
    """Shapes by attribute names. `configured` attributes name the account, and the operator vouches for them."""

    def __init__(self, names: AttributeNames, configured: Sequence[str] = ()) -> None:
        self.names = names
        self._authenticated = (*names.accounts.authenticated, *(AccountName(name) for name in configured))
        self._known: dict[tuple[str, ...], Shape] = {}

    def of(self, attributes: Attributes) -> Shape:
        """The shape of these attributes."""
        present = tuple(attributes)
        shape = self._known.get(present)
        if shape is None:
            shape = self._make(present)
            if len(self._known) < _SHAPES_REMEMBERED:
                self._known[present] = shape
        return shape

    def _make(self, present: tuple[str, ...]) -> Shape:
        names, there = self.names, frozenset(present)

        def of(wanted: Iterable[str]) -> Names:
            return tuple(name for name in wanted if name in there)

        def fields(wanted: dict[str, Names]) -> Fields:
            return tuple((field, found) for field, options in wanted.items() if (found := of(options)))

        def families(wanted: Iterable[Numbered]) -> tuple[Numbered, ...]:
            return tuple(family for family in wanted if _begins(family.prefix, present))

        return Shape(
            is_recognised=not names.recognised_by.isdisjoint(there),
            texts=fields(names.texts),
            counts=fields(names.counts),
            finish_reasons=of(names.finish_reasons),
            system=of(names.messages.system),
            input=of(names.messages.input),
            output=of(names.messages.output),
            input_families=families(names.numbered.input),
            output_families=families(names.numbered.output),
            tools=of(names.tools),
            tool_families=tuple(prefix for prefix in names.numbered_tools if _begins(prefix, present)),
            authenticated=tuple(account for account in self._authenticated if account.name in there),
            asserted=tuple(account for account in names.accounts.asserted if account.name in there),
            peer=of(names.client.peer),
            told=of(names.client.told),
            forwarded=of(names.client.forwarded),
            user_agent=of(names.client.user_agent),
            rest=tuple(name for name in present if names.keeps(name)),
        )


def _begins(prefix: str, present: tuple[str, ...]) -> bool:
    return any(name.startswith(prefix) for name in present)
