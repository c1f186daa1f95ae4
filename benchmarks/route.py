"""Times the route end to end through the public commands: ingest, then hunt, each as a process of its own.

Prints one JSON object: events per second and peak memory of each step, for a world that `stormwatch simulate` makes.
Absolute times depend on the machine; compare runs on one machine, in one go.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

STORMWATCH = Path(sys.executable).with_name("stormwatch")


@dataclass(frozen=True)
class Step:
    """One command as measured: seconds on the clock and of processor, events per second, peak memory in MB."""

    name: str
    seconds: float
    cpu_seconds: float
    events_per_second: float
    peak_memory_mb: float


def run(name: str, events: int, arguments: list[str], environment: dict[str, str]) -> Step:
    start = time.perf_counter()
    process = subprocess.Popen([str(STORMWATCH), *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{name} failed: stormwatch {' '.join(arguments)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Step(name, round(seconds, 2), round(cpu, 2), round(events / seconds), round(usage.ru_maxrss / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--prompt-chars", type=int, default=900)
    parser.add_argument("--world", type=Path, help="A world made before, used instead of a new one.")
    parser.add_argument("--keep", action="store_true", help="Keep the working directory and say where it is.")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="stormwatch-bench-"))
    environment = {**os.environ, "STORMWATCH_KEY_FILE": str(work / "key"), "STORMWATCH_HOME": str(work / "home")}
    try:
        world = options.world or work / "world"
        if not options.world:
            size = ["--accounts", str(options.accounts), "--events", str(options.events), "--seed", "1"]
            knob = ["--knob", f"prompt_chars={options.prompt_chars}"]
            run("simulate", options.events, ["simulate", str(world), *size, *knob], environment)
        events = json.loads((world / "world.json").read_text(encoding="utf-8"))["events"]
        steps = [
            run("ingest records", events, ["ingest", str(world / "accounts.ndjson.zst")], environment),
            run("ingest", events, ["ingest", str(world / "events.ndjson.zst")], environment),
            run("intel import", events, ["intel", "import", str(world / "intel.stix.json")], environment),
            run("hunt", events, ["hunt"], environment),
            run("hunt again", events, ["hunt"], environment),
        ]
        whole = sum(step.seconds for step in steps[1:4:2])
        result = {
            "events": events,
            "steps": [asdict(step) for step in steps],
            "ingest_and_hunt_seconds": round(whole, 1),
        }
        sys.stdout.write(json.dumps(result, indent=1) + "\n")
    finally:
        if options.keep:
            sys.stderr.write(f"kept: {work}\n")
        else:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
