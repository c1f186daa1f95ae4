"""Reason codes with the plain texts that account holders read, from `reason_codes.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from stormwatch.model.errors import InvalidInput, NotFound


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reason: its code, a title for those who choose it, and the sentence for the account holder."""

    code: str
    title: str
    text: str


@cache
def load_reasons() -> Mapping[str, Reason]:
    """All reasons by code, in the order of the file; InvalidInput when the file does not have their form."""
    raw = resources.files("stormwatch.actions").joinpath("reason_codes.yaml").read_bytes()
    try:
        reasons = msgspec.yaml.decode(raw, type=list[Reason])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the reason codes cannot be read: {error}", where="reason_codes.yaml") from error
    return {reason.code: reason for reason in reasons}


def reason_of(code: str) -> Reason:
    """The reason of a code; NotFound lists the codes there are."""
    reasons = load_reasons()
    if code not in reasons:
        raise NotFound(f"there is no reason code {code}", remedy=f"use one of {', '.join(reasons)}")
    return reasons[code]
