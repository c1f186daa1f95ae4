"""The port to an OpenID provider: where a browser is sent, and what the code that it brings back says of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stormwatch.model.errors import Forbidden


class IdentityRefused(Forbidden):
    """The provider's answer cannot be believed, or says no; `reason` is one word for the log."""

    def __init__(self, reason: str, what: str = "the provider did not vouch for you") -> None:
        self.reason = reason
        super().__init__(what, remedy="begin again from the sign-in page, or ask an administrator")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider vouches for: a subject that is unique below its issuer, a name to show, values of one claim."""

    issuer: str
    subject: str
    name: str
    role_values: tuple[str, ...]


class IdentityProvider(Protocol):
    """One OpenID provider."""

    @property
    def issuer(self) -> str:
        """Its issuer identifier."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def address(self, state: str, nonce: str, challenge: str) -> str:
        """Where the browser is sent; IdentityRefused when the provider cannot be reached."""
        ...

    def redeem(self, code: str, verifier: str, nonce: str) -> Identity:
        """Whom the code stands for; IdentityRefused unless every check of the ID token passed."""
        ...
