"""The port of whatever brings notices to people: the operator's own mail system, by a folder or a webhook."""

from __future__ import annotations

from typing import Protocol

from stormwatch.model.errors import StormwatchError


class NoticeNotTaken(StormwatchError):
    """A carrier did not take a notice; the outbox tries again later."""


class NoticeCarrier(Protocol):
    """One way out. What it takes may come twice, under the same id."""

    @property
    def name(self) -> str:
        """What the ledger calls this way out."""
        ...

    def take(self, notice_id: str, body: bytes) -> None:
        """Hands over one notice as UTF-8 JSON; NoticeNotTaken when it was not taken."""
        ...
