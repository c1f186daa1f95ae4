"""A day and time as a browser's field sends it, read as UTC, to microseconds."""

from __future__ import annotations

from datetime import UTC, datetime

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import to_us


def due_from_form(text: str) -> int:
    """Microseconds of `2026-03-02T10:00`, UTC where no offset is given; InvalidInput for what is no time."""
    try:
        found = datetime.fromisoformat(text)
        return to_us(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidInput("the due time cannot be read", remedy="write 2026-03-02T10:00, in UTC") from error
