"""People for tests of access: with a password, a second factor and the device that shows its codes."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from stormwatch.model.principal import Principal, Role
from stormwatch.runtime import Runtime

PASSWORD = "teapot violin gravel moss"


@dataclass
class Device:
    """An authenticator app of our own making: RFC 6238 from the secret that was shown, a later code with each call.

    Codes begin one step in the past, because none is taken twice and one step of drift is allowed to either side; one
    that grew too old while a test was busy is left out.
    """

    secret: str
    recovery_codes: tuple[str, ...] = ()
    step: int = field(default_factory=lambda: int(time.time()) // 30 - 2)

    def code(self) -> str:
        """A code that was not shown before."""
        self.step = max(self.step + 1, int(time.time()) // 30 - 1)
        return self.shown_at(self.step)

    def shown_at(self, step: int) -> str:
        """The code of one step of 30 seconds."""
        clock = TOTP(base64.b32decode(self.secret.replace(" ", "")), 6, SHA1(), 30)
        return clock.generate(step * 30).decode()


@dataclass(frozen=True)
class Team:
    """An installation with people, their tokens and principals; everybody's password is PASSWORD."""

    runtime: Runtime
    tokens: Mapping[str, str]

    def principal(self, name: str) -> Principal:
        """Somebody by their token."""
        return self.runtime.access.authenticate(self.tokens[name])

    def person_id(self, name: str) -> str:
        """The pseudonym of somebody."""
        return self.runtime.access.person(name).person_id


def make_team(runtime: Runtime) -> Team:
    """An administrator (chief), an analyst (ana), an approver (paul) and an auditor (audrey), none with a password."""
    first = runtime.access.first_administrator("chief")
    assert first is not None
    chief = runtime.access.authenticate(first[1])
    tokens = {"chief": first[1]}
    for name, role in (("ana", Role.ANALYST), ("paul", Role.APPROVER), ("audrey", Role.AUDITOR)):
        tokens[name] = runtime.access.add_person(chief, name, role)[1]
    return Team(runtime, tokens)


def give_password(runtime: Runtime, token: str, password: str = PASSWORD) -> None:
    """Sets the password of a token's holder, as they would with a one-time code of their own."""
    principal = runtime.access.authenticate(token)
    assert principal.person is not None
    made_by = principal.person.name
    runtime.passwords.redeem(runtime.passwords.invite(principal, made_by).code, password)


def give_factor(runtime: Runtime, token: str) -> Device:
    """Sets up the second factor of a token's holder."""
    principal = runtime.access.authenticate(token)
    device = Device(runtime.second_factors.begin(principal).secret)
    with runtime.database.write() as connection:
        device.recovery_codes = runtime.second_factors.confirm(connection, principal, device.code())
    return device
