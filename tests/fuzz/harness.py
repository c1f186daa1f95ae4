"""Fuzzes the targets with coverage as guide (atheris, in an environment of its own): `make fuzz`.

Without a target: each in a process of its own, for so many seconds. An input that takes longer than a second, more
memory than the bound, or raises anything but an explanation ends that target and is kept in the folder of findings.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
FINDINGS = TESTS.parent / ".fuzz"
SECONDS_PER_INPUT = 1.0
MEMORY_BYTES = 3 * 1024**3
LONGEST_INPUT = 1 << 16


def fuzz(name: str, seconds: int) -> None:
    """Runs one target in this process; atheris ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["stormwatch", "yaml", "sigma"]):
        from fuzz.nasty import NASTY
        from fuzz.targets import TARGETS

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    target = TARGETS[name]

    def once(data: bytes) -> None:
        began = time.process_time()
        target.run(data)
        spent = time.process_time() - began
        # Instrumentation and a first call cost time, so a short input gets the bound several times over.
        if spent > 5 * SECONDS_PER_INPUT:
            raise TimeoutError(f"{name}: {spent:.1f} s for {len(data)} bytes")

    corpus = FINDINGS / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    small = [data for data in NASTY.values() if len(data) <= LONGEST_INPUT]
    for number, seed in enumerate([*target.seeds, *small]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={FINDINGS / name}/",
        "-timeout=20",
        f"-rss_limit_mb={MEMORY_BYTES >> 20}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], once)
    atheris.Fuzz()


def main() -> int:
    """Runs the named targets, by default all; 1 when one of them has a finding."""
    sys.path.insert(0, str(TESTS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--here", action="store_true", help="run one target in this process")
    chosen = parser.parse_args()
    if chosen.here:
        fuzz(chosen.targets[0], chosen.seconds)
        return 0
    from fuzz.targets import TARGETS

    failed = []
    for name in chosen.targets or TARGETS:
        print(f"{name}: {chosen.seconds} s", flush=True)
        command = [sys.executable, __file__, name, "--here", "--seconds", str(chosen.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=chosen.seconds * 3 + 300, check=False)
        last = [line for line in done.stderr.splitlines() if "stat::number_of_executed_units" in line]
        print("  " + (last[-1] if last else "no count"), flush=True)
        if done.returncode != 0:
            failed.append(name)
            print(done.stdout[-3000:] + done.stderr[-3000:], flush=True)
    print(f"{len(failed)} targets with findings: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
