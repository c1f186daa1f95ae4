"""A time from a form to microseconds since the epoch: what browsers send for a date and time, taken as UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import to_us


def moment_of(text: str, field: str) -> int | None:
    """Microseconds of a time, None for an empty field; InvalidInput names the field."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInput("this is no time", where=field, remedy="write 2026-03-02T10:00") from error
    return to_us(found if found.tzinfo else found.replace(tzinfo=UTC))
