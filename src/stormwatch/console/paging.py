"""Turns a sorted list into pages by keyset: a cursor names the last row seen, so that new rows shift nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from stormwatch.model.errors import InvalidInput

Row = TypeVar("Row")
Key = tuple[int | float | str, ...]

PAGE_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one page, and the cursor of the next one when there is one."""

    rows: tuple[Row, ...]
    next_cursor: str | None


def encode_cursor(key: Key) -> str:
    """A cursor for the URL."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, example: Key) -> Key:
    """The key of a cursor; InvalidInput when its parts are not of the types of `example`."""
    try:
        raw = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        parts = tuple(type(like)(part) for part, like in zip(raw, example, strict=True))
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            "this page's cursor cannot be read", where="after", remedy="start at the first page"
        ) from error
    return parts


def page_of(
    rows: Sequence[Row], key: Callable[[Row], Key], *, after: str, example: Key, size: int = PAGE_ROWS
) -> Page[Row]:
    """The page after a cursor of rows held in memory; rows are sorted by `key`, falling where a caller negated it."""
    ordered = sorted(rows, key=key)
    if after:
        last = decode_cursor(after, example)
        ordered = [row for row in ordered if key(row) > last]
    return cut(ordered[: size + 1], key, size=size)


def cut(rows: Sequence[Row], key: Callable[[Row], Key], *, size: int = PAGE_ROWS) -> Page[Row]:
    """A page of rows of which one more than `size` was fetched to see whether there is a next page."""
    shown = tuple(rows[:size])
    return Page(shown, encode_cursor(key(shown[-1])) if len(rows) > size else None)
