"""The fields of an event that a mapping fills, and which transforms each of them takes."""

from __future__ import annotations

from typing import Final

from stormwatch.events.mapping.conversations import LISTS
from stormwatch.events.mapping.scalars import SCALARS

REQUIRED: Final = ("event_id", "time", "account_id")
_TURNS: Final = ("messages", "prompt", "choices")
_TEXTS: Final = ("text", "header", "aws-principal", "aws-session")
_TIMES: Final = ("time", "epoch-seconds", "epoch-milliseconds", "epoch-microseconds", "epoch-nanoseconds")

# The transform of a field that names none. `source_ip` and `ip_source` are not among them: an address has to say how
# it is known, which `client` does; `attributes` take what nothing else took.
DEFAULT_TRANSFORMS: Final[dict[str, str]] = {
    **dict.fromkeys(("event_id", "account_id", "org_id", "end_user_id", "api_key_id", "session_id"), "text"),
    **dict.fromkeys(("user_agent", "tls_fingerprint", "device_id", "operation", "provider", "model"), "text"),
    **dict.fromkeys(("finish_reason", "error_type"), "text"),
    **dict.fromkeys(("input_tokens", "output_tokens"), "count"),
    **dict.fromkeys(("refused", "blocked"), "flag"),
    **dict.fromkeys(("input", "output"), "messages"),
    "time": "time",
    "country": "country",
    "asn": "autonomous-system",
    "duration_ms": "milliseconds",
    "tools_offered": "tool-names",
    "tool_calls": "tool-calls",
}
LIST_FIELDS: Final = frozenset(name for name, transform in DEFAULT_TRANSFORMS.items() if transform in LISTS)
_OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "text": _TEXTS,
    "time": _TIMES,
    "messages": _TURNS,
    "milliseconds": ("milliseconds", "seconds"),
}


def allowed_transforms(name: str) -> tuple[str, ...]:
    """The transforms that a field takes."""
    default = DEFAULT_TRANSFORMS[name]
    return _OTHERS.get(default, (default,))


def known_transforms() -> tuple[str, ...]:
    """Every transform there is."""
    return tuple(sorted({*SCALARS, *LISTS, "header"}))
