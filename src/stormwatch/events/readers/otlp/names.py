"""The names of attributes (`names.yaml`, data that people may edit) to a checked value that the reader asks."""

from __future__ import annotations

from functools import cache, cached_property
from importlib import resources
from typing import Final, Literal

import msgspec

from stormwatch.model.errors import InvalidInput

_FILE: Final = "names.yaml"
Names = tuple[str, ...]
Side = Literal["input", "output"]


class AccountName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute that names an account, and what is put before its value."""

    name: str
    prefix: str = ""


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes that name an account, by how far they can be believed."""

    authenticated: tuple[AccountName, ...]
    asserted: tuple[AccountName, ...]
    nobody: frozenset[str]


class MessageNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes that hold messages whole."""

    system: Names
    input: Names
    output: Names


class Numbered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A family of attributes, one for each field of each message: prefix, number, inside, field."""

    prefix: str
    inside: str


class NumberedNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Families of attributes by side."""

    input: tuple[Numbered, ...]
    output: tuple[Numbered, ...]


class MessageEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an event inside a span or a log record of one name carries."""

    side: Side
    attribute: str = ""
    role: str = ""


class ClientNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes about the client: its address on the socket, as told, in headers; its user agent."""

    peer: Names
    told: Names
    forwarded: Names
    user_agent: Names


class AttributeNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The whole of `names.yaml`."""

    recognised_by: frozenset[str]
    wrapping_operations: frozenset[str]
    operations: dict[str, str]
    accounts: Accounts
    texts: dict[str, Names]
    counts: dict[str, Names]
    finish_reasons: Names
    messages: MessageNames
    numbered: NumberedNames
    tools: Names
    numbered_tools: Names
    events: dict[str, MessageEvent]
    client: ClientNames
    resource_kept: Names
    secret: Names
    dropped: Names

    def keeps(self, name: str) -> bool:
        """Whether an attribute stays one because no field of an event says it."""
        return name not in self.told and not name.startswith(self.told_prefixes)

    @cached_property
    def told(self) -> frozenset[str]:
        """Names whose value stands in a field of the event, or is dropped: none of them is an attribute again."""
        single = [name for names in (*self.texts.values(), *self.counts.values()) for name in names]
        accounts = [account.name for account in (*self.accounts.authenticated, *self.accounts.asserted)]
        messages = [*self.messages.system, *self.messages.input, *self.messages.output]
        client = [*self.client.peer, *self.client.told, *self.client.user_agent, *self.client.forwarded]
        left_out = [*self.secret, *self.dropped]
        return frozenset((*single, *accounts, *messages, *client, *left_out, *self.finish_reasons, *self.tools))

    @cached_property
    def told_prefixes(self) -> Names:
        """The same for families of names."""
        families = [family.prefix for family in (*self.numbered.input, *self.numbered.output)]
        return (*families, *self.numbered_tools, *_families(self.secret), *_families(self.dropped))

    def is_secret(self, name: str) -> bool:
        """Whether an attribute may not be kept anywhere, not even in quarantine."""
        return name in self.secret or name.startswith(self._secret_prefixes)

    @cached_property
    def _secret_prefixes(self) -> Names:
        return _families(self.secret)


def _families(names: Names) -> Names:
    return tuple(name.rstrip("*") for name in names if name.endswith("*"))


@cache
def attribute_names() -> AttributeNames:
    """The names that ship; InvalidInput says where the file is at fault."""
    raw = resources.files("stormwatch.events.readers.otlp").joinpath(_FILE).read_bytes()
    try:
        return msgspec.yaml.decode(raw, type=AttributeNames)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the names of attributes cannot be read: {error}", where=f"otlp/{_FILE}") from error
