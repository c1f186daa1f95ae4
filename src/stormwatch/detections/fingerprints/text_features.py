"""What is kept of texts beside detections and artefacts: fingerprints of blocks and shapes of requests, by segment."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from stormwatch.detections.fingerprints.blocks import BlockKind, blocks_of
from stormwatch.detections.fingerprints.fingerprint_settings import fingerprint_settings
from stormwatch.detections.fingerprints.request_shapes import SHAPES_VERSION, ShapeCollector, shapes_key
from stormwatch.detections.fingerprints.winnowing import Winnower
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.text.normalise import NORMALISER_VERSION, NormalText
from stormwatch.model.event import EventText
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.schemas import FINGERPRINTS

_PURPOSE: Final = "fingerprint"
_WAYS: Final = {
    BlockKind.CODE: Winnower.code,
    BlockKind.CODE_TEXT: Winnower.code_text,
    BlockKind.DOCUMENT: Winnower.documents,
}


def features_version() -> str:
    """Changes whenever the same text may give other features."""
    return f"{fingerprint_settings().version}.{SHAPES_VERSION}.{NORMALISER_VERSION}"


class TextFeatures:
    """Collects the features of one segment's texts."""

    def __init__(self, key: bytes) -> None:
        self._settings: Final = fingerprint_settings()
        self._winnower: Final = _winnower(key)
        self._shapes: Final = ShapeCollector(shapes_key(key))
        self._blocks: list[tuple[int, str, BlockKind, bytes]] = []

    def add(self, place: int, text: EventText, normal: NormalText) -> None:
        """Takes one event: its place in the segment, its text as sent and normalised."""
        self._shapes.add(place, text, normal)
        for field, kind, block in blocks_of(normal, self._settings):
            self._blocks.append((place, field, kind, block))

    def tables(self, events: SegmentEvents) -> tuple[pa.Table, pa.Table]:
        """The rows of `fingerprints` and of `request_shapes`."""
        parts = [self._fingerprints(events, kind) for kind in BlockKind]
        return pa.concat_tables(parts), self._shapes.table(events)

    def _fingerprints(self, events: SegmentEvents, kind: BlockKind) -> pa.Table:
        found_as = BlockKind.CODE if kind is BlockKind.CODE_TEXT else kind
        chosen = [block for block in self._blocks if block[2] is found_as]
        made = _WAYS[kind](self._winnower, [block[3] for block in chosen])
        counts = np.diff(made.offsets)
        kept = np.flatnonzero(counts)  # a block too short to be known again has none
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[kept])])
        rows = events.keys_of([chosen[number][0] for number in kept])
        columns: dict[str, Any] = {name: rows[name] for name in rows.column_names}
        columns["field"] = pa.array([chosen[number][1] for number in kept], pa.string())
        columns["kind"] = pa.array([kind.value] * len(kept), pa.string())
        columns["tokens"] = pa.array(made.tokens[kept], pa.int64())
        columns["hashes"] = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(made.hashes))
        return pa.table([columns[name] for name in FINGERPRINTS.names], schema=FINGERPRINTS)


def features_key(keyring: Keyring) -> bytes:
    """The key under which a home's features are hashed: who does not hold it learns nothing from them."""
    return keyring.subkey(_PURPOSE)


@lru_cache(maxsize=4)
def _winnower(key: bytes) -> Winnower:
    return Winnower(key, fingerprint_settings())
