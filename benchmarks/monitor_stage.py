"""Times the whole monitor stage from a file, and each of its steps alone, as one JSON object.

Steps: parse, redact, store (encrypt, log, compact into the lake), then over the stored texts: open them, scan with the
shipped rules, extract artefacts, fingerprint; last the whole as the product runs it (ingest, then detect), in as many
processes as the product would take. Starting processes takes a second or two, so that `whole` tells of a stream only
from some 100,000 events on. The prompts are made up from the seed, about 0.9 kB in several scripts; `--code N` makes
one in N hold a block of code. `--events-file` takes a file of UsageEvents instead (plain or .zst), repeated under new
ids until there are enough of them. Absolute times depend on the machine; compare steps within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import zstandard

from ingest import made_events
from rule_stage import make_texts
from stormwatch.config import shipped
from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.fingerprints.text_features import TextFeatures, features_key
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.segment_scanner import load_ruleset
from stormwatch.detections.text.evasion_triggers import disguises_in
from stormwatch.detections.text.normalise import NormalText
from stormwatch.events.ingest import ingest_file
from stormwatch.events.normalise import Normaliser
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.store import EventStore
from stormwatch.model.event import EventText
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.texts import read_segment
from stormwatch.storage.worker_processes import collect_rarely

NAMES = ("row", "key", "slot", "item", "buffer", "head", "tail", "node", "page", "mark", "unit", "host", "path", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--code", type=int, default=10, help="One prompt in so many holds a block of code; 0: none.")
    parser.add_argument("--events-file", type=Path, help="UsageEvents, a line each, in place of made-up ones")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="that do the whole")
    parser.add_argument("--whole-only", action="store_true", help="leave the single steps out")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default: the temporary directory")
    chosen = parser.parse_args()
    collect_rarely()  # as the commands do
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        result = measure(Path(name), chosen)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    path, count = folder / "events.ndjson", chosen.events
    with path.open("w", encoding="utf-8") as file:
        of_file = chosen.events_file
        file.writelines(repeated(of_file, count) if of_file else lines(count, chosen.seed, chosen.code))
    keyring = Keyring(b"k" * 32)
    kept_in = Path(os.environ.get("STORMWATCH_COMPILED_RULES", folder / "compiled-rules"))
    rules = load_ruleset((shipped("rules"),), kept_in)
    rules.patterns_seen("compile")
    steps: dict[str, Any] = {}
    if not chosen.whole_only:
        single_steps(steps, path, folder, keyring, rules)
    processes = chosen.processes
    whole = timed(steps, "whole", count, lambda: take_in_and_detect(path, folder / "home", keyring, rules, processes))
    return {
        "events": count,
        "bytes_per_event": path.stat().st_size // max(count, 1),
        "rules": len(rules.rules),
        "processes": chosen.processes,
        "found": whole,
        "steps": steps,
        "peak_rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def single_steps(steps: dict[str, Any], path: Path, folder: Path, keyring: Keyring, rules: RuleSet) -> None:
    """Each step alone, in this process."""
    raw = path.read_bytes().splitlines()
    count = len(raw)
    disguises_in(b"compile")
    disguises_in("\u0441ompile".encode())
    sent = timed(steps, "parse", count, lambda: [read_usage_event(line) for line in raw])
    normaliser = Normaliser(keyring)
    records = timed(steps, "redact", count, lambda: [normaliser.event(event) for event in sent])
    timed(steps, "store", count, lambda: store(folder / "store", keyring, records))
    lake = Lake(folder / "store" / "lake")
    texts = timed(steps, "open texts", count, lambda: stored_texts(lake, keyring))
    normal = timed(steps, "normalise", count, lambda: [NormalText.of(text) for text in texts])
    timed(steps, "rules", count, lambda: [rules.scan_normal(text, {}) for text in normal])
    extractor = ArtefactExtractor()
    timed(steps, "artefacts", count, lambda: [extractor.extract(text) for text in normal])
    timed(steps, "fingerprints", count, lambda: fingerprints(keyring, lake, texts, normal))


def lines(count: int, seed: int, code: int) -> Iterator[str]:
    """Lines of UsageEvents with the prompts of the rule benchmark, some of which hold a block of code."""
    chance = random.Random(seed)
    texts = make_texts(count, seed, ["Why does http://198.51.100.7/a.exe not answer?"])
    for number, line in enumerate(made_events(count, seed)):
        event = json.loads(line)
        text = texts[number]
        if code and number % code == code // 2:
            text = f"Why is this slow?\n```\n{program(chance)}\n```\n"
        event["input"][0]["content"] = text
        yield json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n"


def repeated(path: Path, count: int) -> Iterator[str]:
    """The lines of a file over and over, each time under ids of its own."""
    made = 0
    while made < count:
        opened = zstandard.open(path, "rt", encoding="utf-8") if path.suffix == ".zst" else path.open(encoding="utf-8")
        with opened as file:
            for line in islice(file, count - made):
                event = json.loads(line)
                event["event_id"] = f"{event['event_id']}-{made}"
                made += 1
                yield json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n"


def program(chance: random.Random) -> str:
    """About 0.9 kB of code that nobody else has."""
    body = [f"def {chance.choice(NAMES)}_{chance.randrange(9999)}({chance.choice(NAMES)}):"]
    while sum(map(len, body)) < 850:
        first, second, third = (chance.choice(NAMES) for _ in range(3))
        body += chance.choices(
            (
                [f"    {first} = {second}.get({third}, {chance.randrange(99)})"],
                [f"    if {first} is None:", f"        return {second}"],
                [f"    for {first} in sorted({second}):", f"        {third} += len({first})"],
                [f"    {first}.append({second} * {chance.randrange(9)} - {third}[0])"],
            ),
            k=1,
        )[0]
    return "\n".join(body)


def timed(steps: dict[str, Any], name: str, count: int, work: Callable[[], Any]) -> Any:
    """Runs one step and notes its rate, by the clock and by processor time of this process and those it started."""
    wall, cpu = time.perf_counter(), processor_seconds()
    result = work()
    wall, cpu = time.perf_counter() - wall, processor_seconds() - cpu
    steps[name] = {
        "events_per_second": round(count / wall),
        "events_per_cpu_second": round(count / cpu),
        "microseconds_per_event": round(cpu / count * 1e6, 2),
    }
    return result


def processor_seconds() -> float:
    """Of this process and of those it waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def store(home: Path, keyring: Keyring, records: Sequence[Any]) -> None:
    """Appends in batches, durably, then compacts."""
    made = EventStore(home, keyring, Lake(home / "lake"), max_record_bytes=1 << 24)
    for start in range(0, len(records), 4096):
        made.append("benchmark", records[start : start + 4096])
    made.compact()
    made.close()


def stored_texts(lake: Lake, keyring: Keyring) -> list[EventText]:
    segments = dict.fromkeys(file.segment for file in lake.files("texts"))
    return [text for segment in segments for chunk in read_segment(lake, keyring, segment) for text in chunk]


def fingerprints(keyring: Keyring, lake: Lake, texts: Sequence[EventText], normal: Sequence[NormalText]) -> int:
    """Fingerprints and shapes of all texts, as one segment's tables."""
    features = TextFeatures(features_key(keyring))
    for place, (text, normalised) in enumerate(zip(texts, normal, strict=True)):
        features.add(place, text, normalised)
    return sum(table.num_rows for table in features.tables(SegmentEvents(lake.paths("events"))))


def take_in_and_detect(path: Path, home: Path, keyring: Keyring, rules: RuleSet, processes: int) -> dict[str, int]:
    """The real way: a file through ingest, log, lake and every detection."""
    lake = Lake(home / "lake")
    made = EventStore(home, keyring, lake, max_record_bytes=1 << 24)
    ingest_file(made, path, collector="benchmark", processes=processes)
    made.compact()
    made.close()
    report = detect(lake, keyring, rules, (), processes=processes)
    return {"rule_hits": report.rule_hits, "observables": report.observables}


if __name__ == "__main__":
    main()
