"""Programs that evolve: one source text, changed a little at a time, each version whole."""

from __future__ import annotations

from stormwatch.simulate.dice import Dice
from stormwatch.simulate.texts import Library, Topic, fill, made_up_word


class Program:
    """Functions in one programming language that belong to one author."""

    def __init__(self, library: Library, dice: Dice, functions: int) -> None:
        self._dice = dice
        self._topic: Topic = dice.pick(library.of("program", "en"))
        self._words = vocabulary(dice, 5)
        self._parts = [self._function() for _ in range(functions)]

    def _function(self) -> str:
        return fill(self._dice.pick(self._topic.templates), self._topic.slots, self._words, self._dice)

    @property
    def text(self) -> str:
        """The present version."""
        return "\n".join(self._parts)

    def change(self) -> None:
        """One change, as a person makes it between two questions: a function rewritten, or one more."""
        if self._dice.chance(0.35):
            self._parts.insert(self._dice.below(len(self._parts) + 1), self._function())
        else:
            self._parts[self._dice.below(len(self._parts))] = self._function()


def vocabulary(dice: Dice, size: int) -> dict[str, tuple[str, ...]]:
    """The names that one author gives to things, so that two programs of one shape still differ."""
    return {slot: tuple(made_up_word(dice, 2) for _ in range(size)) for slot in ("noun", "field", "field2")}


def versions(library: Library, dice: Dice, count: int) -> tuple[str, ...]:
    """A program in `count` versions, each one change after the one before, each asked about in words."""
    program = Program(library, dice, dice.between(7, 11))
    asks = library.of("lineage-asks", "en")[0]
    said = []
    for _ in range(count):
        own = {"code": (program.text,)}
        said.append(fill(dice.pick(asks.attached), asks.slots, own, dice))
        program.change()
    return tuple(said)
