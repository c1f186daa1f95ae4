"""What an action asks for beside accounts and evidence: kind, reason, end and embargo, checked before anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.actions.reasons import reason_of
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import DAY

LONGEST_EMBARGO: Final = 30 * DAY
_ENDLESS: Final = {
    ActionKind.TERMINATE: "a termination has no end",
    ActionKind.ROTATE_KEY: "a rotated key has no end",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is proposed: `until_us` is its end (None: none), `not_before_us` the end of its embargo (None: at once)."""

    kind: ActionKind
    reason_code: str
    until_us: int | None = None
    not_before_us: int | None = None

    def check(self, now_us: int) -> None:
        """Raises NotFound for an unknown reason and InvalidInput for times that make no sense."""
        reason_of(self.reason_code)
        begins = now_us if self.not_before_us is None else self.not_before_us
        if self.until_us is not None and self.kind in _ENDLESS:
            raise InvalidInput(_ENDLESS[self.kind], remedy="leave the end out, or choose another action")
        if self.not_before_us is not None and self.not_before_us <= now_us:
            raise InvalidInput("the embargo would be over before it begins", remedy="name a time in the future")
        if begins > now_us + LONGEST_EMBARGO:
            raise InvalidInput(
                f"an embargo lasts {LONGEST_EMBARGO // DAY} days at most, because evidence ages",
                remedy="name an earlier time and propose anew when it ends",
            )
        if self.until_us is not None and self.until_us <= begins:
            raise InvalidInput("the action would end before it begins", remedy="name a later end")
