"""Stolen keys: somebody else with the holder's key, while the holder goes on. The holder is the victim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.settings import KeyMisuse, microseconds
from stormwatch.model.times import DAY
from stormwatch.storage.engine import QueryEngine, sql_file


class KeyMisuseDetector:
    """Finds accounts whose key a second client uses from networks that the holder never had."""

    name = "key-misuse"

    def __init__(self, settings: KeyMisuse) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, at the other client's first request."""
        limits = {
            "fewest_own": self.settings.fewest_own,
            "settled_us": microseconds(self.settings.settled_seconds),
        }
        best: dict[str, tuple[int, Finding]] = {}
        for row in engine.query(sql_file(__package__, "key_misuse"), limits).to_pylist():
            signs = list(_signs(row, self.settings))
            at_home = row["from_own_networks"] > self.settings.most_at_home * row["events"]
            if at_home or len(signs) < self.settings.fewest_signs:
                continue
            finding = Finding(
                account_id=row["account_id"],
                event_id=row["event_id"],
                time_us=row["first_us"],
                score=min(len(signs) / 4, 1.0),
                summary=f"another client used the holder's key {row['events']} times while the holder went on: "
                + ", ".join(signs),
            )
            if row["account_id"] not in best or best[row["account_id"]][0] < len(signs):
                best[row["account_id"]] = len(signs), finding
        for _, finding in best.values():
            yield finding


def _signs(row: Mapping[str, Any], settings: KeyMisuse) -> Iterator[str]:
    if row["probes"]:
        yield f"{row['probes']} requests that test whether a key is alive"
    if row["networks"] >= settings.many_networks:
        yield f"from {row['networks']} networks, none of them the holder's"
    if row["new_models"]:
        yield "of models that the holder never used"
    if row["events"] >= settings.burst and row["events"] * DAY >= settings.burst * (row["last_us"] - row["first_us"]):
        yield f"at least {settings.burst} a day"
    if row["holders"] and row["holders"] > 1:
        yield f"from an address that used keys of {row['holders']} holders so"
