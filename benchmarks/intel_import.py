"""Import of a catalogue of ATT&CK's size beside reading its JSON alone, and of other intelligence, as JSON.

Run `python benchmarks/intel_import.py [--attack FILE] [--seed N]`. Without `--attack` a bundle of the size and make-up
of Enterprise ATT&CK is made up from the seed; with it the real file is imported. Each figure is the best of three, from
opening the file to the committed transaction, in a fresh database; `json` is decompression and decoding alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stormwatch.intel.files import decode_json, read_bytes
from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import import_file
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.storage.database import Database, open_database

ROUNDS = 3
# What Enterprise ATT&CK 18.1 holds.
MAKE_UP = {
    "relationship": 20_048,
    "attack-pattern": 835,
    "malware": 696,
    "intrusion-set": 187,
    "tool": 91,
    "campaign": 52,
}
WORDS = ("adversaries", "use", "the", "network", "to", "collect", "data", "from", "systems", "before", "exfiltration")


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attack", type=Path, help="A real ATT&CK bundle.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="stormwatch-bench-") as folder:
        place = Path(folder)
        bundle = options.attack or made(place / "attack.json.gz", attack(chance))
        files = {
            "attack": bundle,
            "misp-event": made(place / "event.json", misp(chance, 10_000)),
            "stix": made(place / "stix.json", stix(chance, 10_000)),
            "warninglist": made(place / "list.json", ranges(chance, 50_000)),
        }
        figures: dict[str, Any] = {"attack_json": timed(lambda _: decode_json(read_bytes(bundle), "x"), place)}
        for name, file in files.items():
            figures[name] = timed(lambda database, file=file: import_file(database, file), place)
        loaded = open_database(f"sqlite:///{place / 'lists.db'}")
        import_file(loaded, files["warninglist"])
        figures["lists_loaded"] = timed(lambda _: SharedInfrastructure.load(loaded), place)
        loaded.close()
        print(json.dumps({name: seconds for name, (seconds, _) in figures.items()} | {"taken": taken(figures)}))


def timed(work: Callable[[Database], Any], place: Path) -> tuple[dict[str, float], Any]:
    """The best of some rounds: seconds by the clock and of processors."""
    best = {"clock": float("inf"), "cpu": float("inf")}
    result: Any = None
    for _ in range(ROUNDS):
        database = open_database(f"sqlite:///{place / uuid.uuid4().hex}.db")
        started, used = time.perf_counter(), time.process_time()
        result = work(database)
        best["clock"] = min(best["clock"], round(time.perf_counter() - started, 3))
        best["cpu"] = min(best["cpu"], round(time.process_time() - used, 3))
        database.close()
    return best, result


def taken(figures: dict[str, Any]) -> dict[str, int]:
    reports = {name: result for name, (_, result) in figures.items() if isinstance(result, ImportReport)}
    return {
        name: report.indicators + report.actors + report.techniques + report.lists for name, report in reports.items()
    }


def made(file: Path, document: object) -> Path:
    content = json.dumps(document).encode()
    file.write_bytes(gzip.compress(content, 1) if file.suffix == ".gz" else content)
    return file


def attack(chance: random.Random) -> dict[str, Any]:
    return {"type": "bundle", "id": f"bundle--{identifier(chance)}", "objects": list(objects(chance))}


def objects(chance: random.Random) -> Iterator[dict[str, Any]]:
    for kind, count in MAKE_UP.items():
        for number in range(count):
            text = " ".join(chance.choices(WORDS, k=60 if kind == "relationship" else 250))
            names = [f"{kind} {number}", *(f"alias {number} {other}" for other in range(chance.randrange(6)))]
            references = [{"source_name": "mitre-attack", "external_id": f"{kind[0].upper()}{number:04d}"}]
            references += [{"source_name": name, "description": "(Citation: Report)"} for name in names]
            yield {
                "type": kind,
                "id": f"{kind}--{identifier(chance)}",
                "created": "2020-01-01T00:00:00.000Z",
                "modified": "2025-01-01T00:00:00.000Z",
                "name": names[0],
                "aliases": names,
                "description": text,
                "external_references": references,
            }
    matrix = {"source_name": "mitre-attack", "external_id": "enterprise-attack"}
    yield {"type": "x-mitre-matrix", "id": f"x-mitre-matrix--{identifier(chance)}", "external_references": [matrix]}


def misp(chance: random.Random, count: int) -> dict[str, Any]:
    attributes = [
        {
            "uuid": identifier(chance),
            "type": "domain",
            "value": f"h{number}.example",
            "to_ids": True,
            "Tag": [{"name": "tlp:green"}, {"name": 'admiralty-scale:information-credibility="2"'}],
        }
        for number in range(count)
    ]
    facts = {"uuid": identifier(chance), "info": "made up", "timestamp": "1700000000"}
    return {"Event": {**facts, "Attribute": attributes}}


def stix(chance: random.Random, count: int) -> dict[str, Any]:
    listed = [
        {
            "type": "indicator",
            "id": f"indicator--{identifier(chance)}",
            "modified": "2025-01-01T00:00:00Z",
            "valid_from": "2025-01-01T00:00:00Z",
            "pattern_type": "stix",
            "pattern": f"[domain-name:value = 'h{number}.example']",
        }
        for number in range(count)
    ]
    return {"type": "bundle", "id": f"bundle--{identifier(chance)}", "objects": listed}


def ranges(chance: random.Random, count: int) -> dict[str, Any]:
    listed = {f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.0/24" for _ in range(count)}
    return {"name": "made up VPN", "type": "cidr", "version": 1, "list": sorted(listed)}


def identifier(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


if __name__ == "__main__":
    main()
