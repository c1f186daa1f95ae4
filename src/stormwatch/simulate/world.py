"""A made-up provider as files: events, accounts, partners' intelligence, and the truth beside them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import format_rfc3339
from stormwatch.simulate.campaigns import Campaign
from stormwatch.simulate.cast import Account
from stormwatch.simulate.casting import Cast, assemble
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.partners import Partners
from stormwatch.simulate.peer_lead import peer_lead
from stormwatch.simulate.shared_lists import shared_lists
from stormwatch.simulate.speech import Speech
from stormwatch.simulate.texts import library
from stormwatch.simulate.timetable import Timetable, counts, timetable
from stormwatch.simulate.truth import TruthKeeper
from stormwatch.simulate.usage import Writer

FEWEST_ACCOUNTS: Final = 60
DAYS: Final = 28
_LEVEL: Final = 3
_BUFFER: Final = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class WorldReport:
    """What was written: counts, kinds of account and the files with their hashes."""

    out: Path
    accounts: int
    events: int
    on_goal_events: int
    start: str
    days: int
    kinds: tuple[tuple[str, int], ...]
    sha256: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """The content of world.json."""
        return {
            "accounts": self.accounts,
            "events": self.events,
            "on_goal_events": self.on_goal_events,
            "start": self.start,
            "days": self.days,
            "kinds": dict(self.kinds),
            "sha256": dict(self.sha256),
        }


def make_world(
    out: Path,
    *,
    accounts: int = 1_000,
    events: int = 10_000,
    seed: int = 1,
    knobs: Knobs | None = None,
    progress: Progress | None = None,
) -> WorldReport:
    """Writes a world into the folder `out`, the same for the same arguments and version.

    `progress` is called with (events written, events). Raises InvalidInput when the numbers cannot be met
    or `out` already holds something else than a world.
    """
    knobs = knobs or Knobs()
    _check(out, accounts, events)
    cast = assemble(accounts, seed, knobs)
    least = sum(account.minimum for account in cast.accounts)
    if events < least:
        raise InvalidInput(
            f"{events} events are too few for {accounts} accounts", remedy=f"use at least {least} events"
        )
    out.mkdir(parents=True, exist_ok=True)
    table = timetable(cast.accounts, counts(cast.accounts, events, Dice(seed, "counts")), Dice(seed, "timetable"))
    keeper = _write_events(out, cast.accounts, table, seed, knobs, progress)
    _write_stream(out / "accounts.ndjson.zst", (msgspec.json.encode(one.record) for one in cast.accounts))
    _write_intel(out, cast, seed, knobs)
    keeper.write(out / "truth.parquet", cast.accounts)
    _write_json(out / "campaigns.json", keeper.campaigns(cast.campaigns, cast.accounts))
    report = _report(out, cast.accounts, keeper, events, knobs)
    _write_json(out / "world.json", report.as_json())
    return report


def _check(out: Path, accounts: int, events: int) -> None:
    if accounts < FEWEST_ACCOUNTS:
        raise InvalidInput(f"{accounts} accounts make no world", remedy=f"use at least {FEWEST_ACCOUNTS}")
    if events < accounts:
        raise InvalidInput(f"{events} events for {accounts} accounts", remedy="every account needs at least one event")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "world.json").is_file())):
        raise InvalidInput("the place for the world holds other things", where=str(out), remedy="name a new folder")


def _write_events(
    out: Path, accounts: Sequence[Account], table: Timetable, seed: int, knobs: Knobs, progress: Progress | None
) -> TruthKeeper:
    keeper = TruthKeeper()
    speech = Speech(library(), Dice(seed, "speech"), knobs.prompt_chars)
    writer = Writer(accounts, speech, Dice(seed, "usage"), seed)
    total, encode = len(table), msgspec.json.Encoder().encode

    def lines() -> Iterable[bytes]:
        for number, (event, account, on_goal) in enumerate(writer.events(table), 1):
            keeper.saw(event, account, on_goal=on_goal)
            yield encode(event)
            if progress is not None and (number % 5_000 == 0 or number == total):
                progress(number, total)

    _write_stream(out / "events.ndjson.zst", lines())
    return keeper


def _write_stream(path: Path, lines: Iterable[bytes]) -> None:
    """Lines as NDJSON, compressed in one pass."""
    with path.open("wb") as raw, zstandard.ZstdCompressor(level=_LEVEL).stream_writer(raw) as packed:
        buffer = bytearray()
        for line in lines:
            buffer += line
            buffer += b"\n"
            if len(buffer) >= _BUFFER:
                packed.write(bytes(buffer))
                buffer.clear()
        packed.write(bytes(buffer))


def _write_intel(out: Path, cast: Cast, seed: int, knobs: Knobs) -> None:
    campaigns: Sequence[Campaign] = cast.campaigns
    partners = Partners(Dice(seed, "partners"), cast.internet, knobs, seed)
    _write_json(out / "intel.stix.json", partners.bundle(partners.sightings(campaigns)))
    if campaigns:
        _write_json(out / "lead.json", peer_lead(campaigns, cast.accounts, Dice(seed, "lead")))
    for name, content in shared_lists().items():
        _write_json(out / name, content)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _report(out: Path, accounts: Sequence[Account], keeper: TruthKeeper, events: int, knobs: Knobs) -> WorldReport:
    kinds = Counter(f"{one.role.category}/{one.role.kind}" for one in accounts)
    names = ("events.ndjson.zst", "accounts.ndjson.zst", "intel.stix.json", "truth.parquet", "campaigns.json")
    return WorldReport(
        out=out,
        accounts=len(accounts),
        events=events,
        on_goal_events=keeper.on_goal_events,
        start=format_rfc3339(knobs.start_us),
        days=DAYS,
        kinds=tuple(sorted(kinds.items())),
        sha256=tuple((name, _sha256(out / name)) for name in names),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
