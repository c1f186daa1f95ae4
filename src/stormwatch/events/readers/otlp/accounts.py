"""Which account a request is charged to: what a gateway authenticated first, what an application asserts last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from stormwatch.events.readers.otlp.names import AccountName, AttributeNames
from stormwatch.events.readers.otlp.spans import Attributes
from stormwatch.model.errors import InvalidInput


class Account(msgspec.Struct, frozen=True):
    """The account's id, the attribute that named it, and whether that is only asserted."""

    account_id: str
    named_by: str
    asserted: bool


def account_of(
    names: AttributeNames, configured: Sequence[str], attributes: Attributes, resource: Attributes
) -> Account:
    """The account; InvalidInput when nothing names one.

    `configured` are attributes that the operator vouches for: they come before those that anybody might set.
    """
    known = names.accounts
    vouched = (*known.authenticated, *(AccountName(name) for name in configured))
    found = _find(vouched, known.nobody, attributes, resource)
    if found is not None:
        return Account(*found, asserted=False)
    found = _find(known.asserted, known.nobody, attributes, resource)
    if found is not None:
        return Account(*found, asserted=True)
    raise InvalidInput(
        "names no account",
        remedy="let the gateway write its user's id as enduser.id, or name the attribute in otlp_account_attributes",
    )


def _find(
    wanted: Iterable[AccountName], nobody: frozenset[str], attributes: Attributes, resource: Attributes
) -> tuple[str, str] | None:
    for account in wanted:
        value: Any = attributes.get(account.name) or resource.get(account.name)
        if isinstance(value, str) and value and value not in nobody:
            return account.prefix + value, account.name
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{account.prefix}{value}", account.name
    return None
