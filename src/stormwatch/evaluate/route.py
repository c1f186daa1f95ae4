"""A world through the route in a home of its own: ingest, intelligence, hunt, with the time and memory each took."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.config import Settings
from stormwatch.evaluate.memory import peak_memory
from stormwatch.evaluate.outcome import Outcome, read_outcome
from stormwatch.evaluate.worlds import World, given_files
from stormwatch.events.ingest import ingest_file
from stormwatch.intel.importing import import_file
from stormwatch.model.errors import InvalidInput
from stormwatch.model.progress import ProgressReport
from stormwatch.runtime import Runtime
from stormwatch.storage.keyring import Keyring

_COLLECTOR: Final = "evaluate"


class Cost(msgspec.Struct, frozen=True):
    """What a world took: seconds of the clock, and the peak of resident memory in MB (10^6 bytes), helpers included.

    Ingest is None where a home was used again.
    """

    ingest_seconds: float | None
    hunt_seconds: float
    peak_megabytes: float
    rejected_records: int


def play(world: World, root: Path, *, reuse: bool, progress: ProgressReport) -> tuple[Outcome, Cost]:
    """Ingests and hunts a world in `root`/NAME, or hunts again what is there; nothing here reads the truth."""
    home, mark = root / world.name, root / f"{world.name}.sha256"
    known = _known(world, home, mark, reuse=reuse)
    rejected, began = 0, time.monotonic()
    with peak_memory() as peak, _installation(home, root / f"{world.name}.key") as runtime:
        if not known:
            rejected = _take_in(runtime, world, progress)
            mark.write_text(_digest(world), encoding="ascii")
        taken = time.monotonic()
        runtime.hunt(full=known, progress=progress)
        hunted = time.monotonic()
        outcome = read_outcome(runtime)
    return outcome, Cost(None if known else taken - began, hunted - taken, peak.megabytes, rejected)


def _known(world: World, home: Path, mark: Path, *, reuse: bool) -> bool:
    """Whether the home holds this world whole. One that holds anything else is never touched."""
    if not home.exists():
        return False
    if not reuse:
        raise InvalidInput("a home is there already", where=str(home), remedy="add --reuse, or name another --home")
    if not mark.is_file() or mark.read_text(encoding="ascii") != _digest(world):
        what = f"this home does not hold {world.path}, or not the whole of it"
        raise InvalidInput(what, where=str(home), remedy="remove it, or name another --home")
    return True


def _digest(world: World) -> str:
    """One hash over what the product gets to see."""
    whole = hashlib.sha256()
    for path in given_files(world):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


@contextmanager
def _installation(home: Path, key: Path) -> Iterator[Runtime]:
    """An installation apart from the operator's: own database and key, and neither judge nor receivers of alerts.

    What the environment sets beside that (rules, profiles, threshold, processes) is what is evaluated.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = Settings(home=home, key_file=key, database_url=None, judge_url=None, alert_urls=(), decision_url=None)
    if settings.compiled_rules is None:  # the homes of one evaluation share them: each would compile the same anew
        settings = settings.model_copy(update={"compiled_rules": home.parent / "compiled-rules"})
    Keyring.create(settings.key_path)
    with closing(Runtime(settings)) as runtime:
        yield runtime


def _take_in(runtime: Runtime, world: World, progress: ProgressReport) -> int:
    """What partners sent, then sign-ups and requests, as a provider would have them; gives the rejected records."""
    accounts, events, *intel = given_files(world)
    for file in intel:
        import_file(runtime.database, file, ledger=runtime.ledger)
    reports = [
        ingest_file(
            runtime.events,
            path,
            collector=_COLLECTOR,
            formats=runtime.formats,
            progress=lambda done, total, name=path.name: progress(f"ingest {name}", done, total),  # type: ignore[misc]
            processes=runtime.settings.processes,
        )
        for path in (accounts, events)
    ]
    runtime.events.compact()
    return sum(report.rejected for report in reports)
