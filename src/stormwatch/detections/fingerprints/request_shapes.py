"""Texts to the shape of a request: how its prompt begins and ends as keyed hashes, its turns, signs of a key's test.

Detectors count shapes and never need the text.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.text.normalise import NormalText, utf8
from stormwatch.model.event import EventText
from stormwatch.storage.schemas import REQUEST_SHAPES

SHAPES_VERSION: Final = "1"
# A template is told by how the prompt begins and ends; between the two something must be left to vary.
_OPENING: Final = 40
_CLOSING: Final = 24
_FEWEST_CHARACTERS: Final = 64
_BYTES: Final = 4 * _OPENING
_FOLDED: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in bytes(range(256)).lower())
# Parameters that no program means: a key is tested with them, as the error tells whether it is alive.
_LIMIT: Final = re.compile(r'"max_(?:completion_|output_)?(?:new_)?tokens"\s?:\s?(-?\d{1,19})(?![\d.])')
_MOST_TOKENS: Final = 10_000_000
_TOOL_ROLES: Final = frozenset({"tool", "function"})


class ShapeCollector:
    """The shapes of one segment's requests."""

    def __init__(self, key: bytes) -> None:
        chance = np.random.default_rng(int.from_bytes(key, "big"))
        self._weights: Final = chance.integers(0, 1 << 64, _BYTES // 8, dtype=np.uint64) | np.uint64(1)
        self._places: list[int] = []
        self._openings: list[bytes] = []
        self._closings: list[bytes] = []
        self._rest: list[tuple[int, int, bool, bool]] = []

    def add(self, place: int, text: EventText, normal: NormalText) -> None:
        """Takes one event (its place in the segment); one whose shape tells nothing is passed over."""
        prompt, turns = normal.prompt, text.input
        probe = len(text.attributes) > 2 and is_key_test(text.attributes)
        templated = len(prompt) >= _FEWEST_CHARACTERS
        if not (templated or probe or len(turns) > 1):
            return
        self._places.append(place)
        self._openings.append(utf8(prompt[:_OPENING]) if templated else b"")
        self._closings.append(utf8(prompt[-_CLOSING:]) if templated else b"")
        asked = not turns or turns[-1].role not in _TOOL_ROLES
        self._rest.append((len(prompt), sum(turn.role == "user" for turn in turns), asked, probe))

    def table(self, events: SegmentEvents) -> pa.Table:
        """The shapes, in the order of the segment."""
        rows = events.keys_of(self._places)
        chars, user_turns, asked, probe = zip(*self._rest, strict=True) if self._rest else ((), (), (), ())
        columns: dict[str, Any] = {name: rows[name] for name in rows.column_names}
        columns["opening"], columns["closing"] = self._hashes(self._openings), self._hashes(self._closings)
        columns["chars"] = pa.array(chars, pa.int64())
        columns["user_turns"] = pa.array(user_turns, pa.int64())
        columns["asked"] = pa.array(asked, pa.bool_())
        columns["probe"] = pa.array(probe, pa.bool_())
        return pa.table([columns[name] for name in REQUEST_SHAPES.names], schema=REQUEST_SHAPES)

    def _hashes(self, texts: list[bytes]) -> pa.Array:
        if not texts:
            return pa.array([], pa.int64())
        raw = np.array(texts, f"S{_BYTES}").tobytes().translate(_FOLDED)
        eights = np.frombuffer(raw, "<u8").reshape(len(texts), -1)
        mixed = (eights ^ (eights >> np.uint64(31))) * self._weights
        mixed ^= mixed >> np.uint64(29)
        hashes = (mixed * self._weights).sum(axis=1, dtype=np.uint64)
        return pa.array(hashes.view(np.int64), mask=np.array([not text for text in texts]))


def is_key_test(attributes: str) -> bool:
    """Whether a request's own parameters (JSON) ask for a number of tokens that nobody can want."""
    if "max_" not in attributes:
        return False
    return any(not 0 < int(found) < _MOST_TOKENS for found in _LIMIT.findall(attributes))


def shapes_key(subkey: bytes) -> bytes:
    """A key for shapes that differs from that of fingerprints, made from one subkey."""
    return msgspec.msgpack.encode(("request-shapes", subkey))
