"""A time as people type it to microseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime

from stormwatch.model.errors import WrongUsage
from stormwatch.model.times import to_us


def moment(text: str | None, option: str) -> int | None:
    """Microseconds of an RFC 3339 time or a day (UTC where no offset is given); WrongUsage names the option."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(
            f"{text!r} is no time", where=option, remedy="write 2026-03-02 or 2026-03-02T10:00:00Z"
        ) from error
    return to_us(found if found.tzinfo else found.replace(tzinfo=UTC))
