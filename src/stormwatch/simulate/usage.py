"""From the timetable to UsageEvents, one after the other in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from stormwatch.model.times import format_rfc3339
from stormwatch.simulate.cast import Account, Persona
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.network import Address
from stormwatch.simulate.speech import Speech
from stormwatch.simulate.timetable import Timetable

_MASK: Final = (1 << 64) - 1
_MODELS: Final = ("m-small", "m-small", "m-large", "m-code")
_CHARS_PER_TOKEN: Final = 4


class Said(msgspec.Struct, frozen=True):
    """One turn."""

    content: str
    role: str = "user"


class Call(msgspec.Struct, frozen=True):
    """One tool call."""

    name: str
    arguments: str


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A UsageEvent, version 1, in the form it is written."""

    event_id: str
    time: str
    account_id: str
    input: tuple[Said, ...]
    input_tokens: int
    output_tokens: int
    model: str
    # Any default that is never written on purpose would be left out, so these have none.
    operation: str
    provider: str
    finish_reason: str
    refused: bool | None = None
    org_id: str | None = None
    api_key_id: str | None = None
    session_id: str | None = None
    source_ip: str | None = None
    ip_source: str | None = None
    asn: int | None = None
    country: str | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    tools_offered: tuple[str, ...] = ()
    tool_calls: tuple[Call, ...] = ()
    duration_ms: float | None = None


def event_id(seed: int, index: int) -> str:
    """An id that is unique in its world and does not tell the order: a bijection of the index (splitmix64)."""
    value = (index + 1) * 0x9E3779B97F4A7C15 + seed * 0xD1342543DE82EF95 & _MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return f"ev_{value ^ value >> 31:016x}"


class Writer:
    """Says what each event says; keeps only how far each script is."""

    def __init__(self, accounts: Sequence[Account], speech: Speech, dice: Dice, seed: int) -> None:
        self._accounts = accounts
        self._speech = speech
        self._dice = dice
        self._seed = seed
        self._said = Counter[int]()

    def events(self, table: Timetable) -> Iterator[tuple[Usage, Account, bool]]:
        """Each event with its account and whether it serves a goal."""
        block = 100_000
        for start in range(0, len(table), block):
            rows = zip(
                table.time_us[start : start + block].tolist(),
                table.account[start : start + block].tolist(),
                table.persona[start : start + block].tolist(),
                table.session[start : start + block].tolist(),
                table.on_goal[start : start + block].tolist(),
                strict=True,
            )
            for index, (time_us, who, way, session, on_goal) in enumerate(rows, start):
                account = self._accounts[who]
                persona = account.personas[way]
                text = self._text(who, persona, on_goal)
                yield self._event(index, time_us, account, persona, session, text), account, on_goal

    def _text(self, who: int, persona: Persona, on_goal: bool) -> str:  # noqa: FBT001 - a column of the timetable
        if not on_goal:
            return self._speech.ordinary(persona.voice)
        script = persona.voice.goal.script if persona.voice.goal else ()
        if script:
            line = self._said[who]
            self._said[who] = line + 1
            return script[line % len(script)]
        return self._speech.on_goal(persona.voice)

    def _event(self, index: int, time_us: int, account: Account, persona: Persona, session: int, text: str) -> Usage:
        dice, client = self._dice, persona.client
        address = self._address(persona)
        tokens = int(20 + dice.real() ** 3 * 1400)
        machine = client.api_key_id is not None
        return Usage(
            event_id=event_id(self._seed, index),
            time=format_rfc3339(time_us),
            account_id=account.account_id,
            input=(Said(text),),
            input_tokens=1 + len(text) // _CHARS_PER_TOKEN,
            output_tokens=tokens,
            model=_MODELS[(index ^ session) % 4] if dice.chance(0.2) else _MODELS[int(account.account_id[-1], 16) % 4],
            operation="chat",
            provider="example-llm",
            finish_reason="stop" if dice.chance(0.96) else "length",
            refused=dice.chance(persona.refused) if dice.chance(0.9) else None,
            org_id=account.record.org_id,
            api_key_id=client.api_key_id,
            session_id=_session(self._seed, account, session) if dice.chance(0.94) else None,
            source_ip=address.ip if dice.chance(0.97) else None,
            ip_source="trusted_proxy" if machine else "socket",
            asn=address.asn if dice.chance(0.92) else None,
            country=address.country if dice.chance(0.95) else None,
            user_agent=client.user_agent if dice.chance(0.95) else None,
            tls_fingerprint=client.tls_fingerprint if dice.chance(0.92) else None,
            device_id=client.device_id if dice.chance(0.7) else None,
            tools_offered=persona.tools,
            tool_calls=self._calls(persona),
            duration_ms=round(200 + tokens * (8 + 6 * dice.real()), 1),
        )

    def _address(self, persona: Persona) -> Address:
        choices = persona.addresses
        if len(choices) == 1 or self._dice.chance(0.6):
            return choices[0]
        return self._dice.pick(choices)

    def _calls(self, persona: Persona) -> tuple[Call, ...]:
        if not persona.tools or not self._dice.chance(0.5):
            return ()
        return (Call(self._dice.pick(persona.tools), f'{{"id": {self._dice.below(10_000)}}}'),)


def _session(seed: int, account: Account, session: int) -> str:
    value = (int(account.account_id[5:], 16) + seed + session * 0x9E3779B97F4A7C15) & _MASK
    value = (value ^ value >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return f"s_{value >> 8:014x}"
