"""Which account a request is charged to: what a gateway authenticated first, what an application asserts last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stormwatch.events.readers.otlp.names import AccountName
from stormwatch.events.readers.otlp.shape import Shape
from stormwatch.events.readers.otlp.spans import Attributes
from stormwatch.model.errors import InvalidInput


class Account(msgspec.Struct, frozen=True, gc=False):
    """The account's id, the attribute that named it, and whether that is only asserted."""

    account_id: str
    named_by: str
    asserted: bool


def account_of(
    shape: Shape, attributes: Attributes, of_resource: Shape, resource: Attributes, nobody: frozenset[str]
) -> Account:
    """The account; InvalidInput when nothing names one. What the span says comes before what its resource says."""
    places = ((shape, attributes), (of_resource, resource))
    for known, values in places:
        found = _find(known.authenticated, nobody, values)
        if found is not None:
            return Account(*found, asserted=False)
    for known, values in places:
        found = _find(known.asserted, nobody, values)
        if found is not None:
            return Account(*found, asserted=True)
    raise InvalidInput(
        "names no account",
        remedy="let the gateway write its user's id as enduser.id, or name the attribute in otlp_account_attributes",
    )


def _find(wanted: Sequence[AccountName], nobody: frozenset[str], values: Attributes) -> tuple[str, str] | None:
    for account in wanted:
        value: Any = values[account.name]
        if isinstance(value, str) and value and value not in nobody:
            return account.prefix + value, account.name
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{account.prefix}{value}", account.name
    return None
