"""Judges each world by settings that were chosen on the others, and tells whether calibration would help.

For each alternative value of a setting a copy of the package with that one value is evaluated on all worlds. For each
world the values that did best on the *other* worlds are put together and evaluated on that one: figures by settings
that never saw it. Then risk is calibrated (Platt, 1999) on the other worlds and scored on that one. Prints one JSON
object. Takes a hunt for each value and world: half an hour for three worlds of 10,000 accounts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[1]
STORMWATCH = Path(sys.executable).with_name("stormwatch")
LINKING, ATTRIBUTION = "linking/comparisons.yaml", "attribution/base_rates.yaml"
FIGURES = ("recall_1_in_10000", "recall_1_in_1000", "average_precision", "pair_precision", "pair_recall", "pair_f1",
           "right_first", "unknown_recall", "flagged_within_100")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A value in a data file of the package, and what else it might be."""

    name: str
    file: str
    keys: tuple[str, ...]
    others: tuple[Any, ...]


SETTINGS = (
    Setting("exits", LINKING, ("comparisons", "address", "innocent"), (
        {2: 0.35, 8: 0.40, 20: 0.80, 40: 0.99, 200: 0.995}, {2: 0.35, 8: 0.40, 20: 0.80, 40: 0.999, 200: 0.9995})),
    Setting("homes", LINKING, ("comparisons", "address", "innocent"), (
        {2: 0.20, 8: 0.25, 20: 0.80, 40: 0.997, 200: 0.9985}, {2: 0.50, 8: 0.55, 20: 0.90, 40: 0.997, 200: 0.9985})),
    Setting("clients", LINKING, ("comparisons", "client", "innocent"), (
        {2: 0.90, 8: 0.92, 20: 0.9985}, {2: 0.97, 8: 0.98, 20: 0.9985})),
    Setting("mail-domains", LINKING, ("comparisons", "mail-domain", "innocent"), (
        {2: 0.85, 4: 0.95, 8: 0.997, 20: 0.9995},)),
    Setting("pasted-hosts", LINKING, ("comparisons", "host-or-file", "innocent"), (
        {2: 0.40, 5: 0.55, 20: 0.995},)),
    Setting("cohesion", LINKING, ("cohesion_bits",), (0.8, 3.0)),
    Setting("hiding", ATTRIBUTION, ("cluster", "hiding", "cap_bits"), (3.0, 5.0)),
    Setting("goals", ATTRIBUTION, ("cluster", "shared-goals", "cap_bits"), (9.0, 15.0)),
    Setting("one-goal", ATTRIBUTION, ("cluster", "shared-goals", "trait_cap_bits"), (5.0, 7.0)),
    Setting("by-member", ATTRIBUTION, ("cluster", "shared-goals", "pursued_by_member"), (0.5, 0.9)),
    Setting("handed-on", ATTRIBUTION, ("cluster", "handed-on", "cap_bits"), (2.0, 5.0)),
)  # fmt: skip
Values = Mapping[str, Any]


class Bench:
    """Evaluates copies of the package on worlds whose events are in homes already."""

    def __init__(self, worlds: Sequence[Path], work: Path) -> None:
        self._worlds = worlds
        self._work = work
        self._homes = work / "homes"
        self._evaluate(ROOT / "src", self._homes, worlds, reuse=False)

    def figures(self, values: Values, worlds: Sequence[Path]) -> Mapping[str, Mapping[str, float | None]]:
        """By world, the figures of the package with these values of settings."""
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__"))
            for data in ("rules", "profiles"):  # found beside the package
                (Path(folder) / data).symlink_to(ROOT / data)
            for setting in SETTINGS:
                if setting.name in values:
                    _write(Path(folder) / "src" / "stormwatch" / setting.file, setting.keys, values[setting.name])
            shutil.copytree(self._homes, Path(folder) / "homes")
            told = self._evaluate(Path(folder) / "src", Path(folder) / "homes", worlds, reuse=True)
        return {world["name"]: _of(world) for world in told["worlds"]}

    def risks(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """By world, log2 odds of the risk of every account and whether it was no innocent's, as shipped."""
        return {world.name: _risks(world, self._homes / world.name) for world in self._worlds}

    def _evaluate(self, source: Path, homes: Path, worlds: Sequence[Path], *, reuse: bool) -> dict[str, Any]:
        names = [str(world) for world in worlds]
        command = [str(STORMWATCH), "evaluate", *names, "--home", str(homes), "--resamples", "100", "--json"]
        environment = os.environ | {
            "PYTHONPATH": str(source),
            "STORMWATCH_COMPILED_RULES": str(self._work / "compiled-rules"),
        }
        done = subprocess.run(
            [*command, *(["--reuse"] if reuse else [])], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def _write(file: Path, keys: Sequence[str], value: Any) -> None:
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    file.write_text(yaml.safe_dump(data), encoding="utf-8")


def _of(world: Mapping[str, Any]) -> Mapping[str, float | None]:
    counts = ("planted_over_threshold", "innocents_over_threshold", "confounder_groups_convicted")
    return {name: world["figures"].get(name) for name in FIGURES} | {name: world["counts"][name] for name in counts}


def _merit(figures: Mapping[str, float | None]) -> float:
    """What settings are chosen by: finding and linking; an innocent over the threshold costs more than one found."""
    found = (figures["average_precision"] or 0.0) + (figures["pair_f1"] or 0.0)
    return found - 0.02 * (figures["innocents_over_threshold"] or 0.0)


def _risks(world: Path, home: Path) -> tuple[np.ndarray, np.ndarray]:
    truth = pq.read_table(world / "truth.parquet", columns=["account_id", "class"])
    guilty = {row["account_id"]: row["class"] in {"planted", "non-state-abuse"} for row in truth.to_pylist()}
    out = home.parent / f"{home.name}.accounts.parquet"
    environment = os.environ | {"STORMWATCH_HOME": str(home), "STORMWATCH_KEY_FILE": str(home.with_suffix(".key"))}
    command = [str(STORMWATCH), "export", "accounts", "--all", "--format", "parquet", "--output", str(out)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    rows = pq.read_table(out, columns=["account_id", "risk"]).to_pylist()
    risk = np.clip(np.array([row["risk"] for row in rows]), 1e-9, 1 - 1e-9)
    return np.log2(risk / (1 - risk)), np.array([guilty[row["account_id"]] for row in rows])


def choose(held: str, tried: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | None]]]]) -> Values:
    """For each setting the value that did best on the worlds other than `held`; what is shipped is left out."""
    chosen = {}
    for setting in SETTINGS:
        merits = {
            value: np.mean([_merit(figures) for world, figures in by_world.items() if world != held])
            for value, by_world in tried[setting.name].items()
        }
        best = max(merits, key=lambda value: (merits[value], value == "shipped"))
        if best != "shipped":
            chosen[setting.name] = setting.others[int(best)]
    # Both are about the same table: the one that helps more is taken.
    if {"exits", "homes"} <= chosen.keys():
        del chosen["homes"]
    return chosen


def calibration(risks: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Mapping[str, Mapping[str, float]]:
    """Of each world: the Brier score as shipped, and by a slope and an offset fitted to the others."""
    found = {}
    for held, (bits, guilty) in risks.items():
        others = [risks[name] for name in risks if name != held]
        x, y = (np.concatenate([other[part] for other in others]) for part in (0, 1))

        def loss(p: np.ndarray, x: np.ndarray = x, y: np.ndarray = y) -> float:
            z = (p[0] * x + p[1]) * np.log(2)
            return float(np.sum(np.logaddexp(0, z) - y * z))

        slope, offset = minimize(loss, [1.0, 0.0]).x
        found[held] = {
            "slope": round(float(slope), 2),
            "offset_bits": round(float(offset), 2),
            "brier_shipped": round(float(np.mean((1 / (1 + np.exp2(-bits)) - guilty) ** 2)), 5),
            "brier_calibrated": round(float(np.mean((1 / (1 + np.exp2(-(slope * bits + offset))) - guilty) ** 2)), 5),
        }
    return found


def main() -> None:
    """Runs it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="+", type=Path)
    parser.add_argument("--at-once", type=int, default=1, help="evaluations at a time")
    asked = parser.parse_args()
    worlds = [world.resolve() for world in asked.worlds]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.at_once) as pool:
        bench = Bench(worlds, Path(folder))
        shipped = bench.figures({}, worlds)
        jobs = [(setting, n) for setting in SETTINGS for n in range(len(setting.others))]
        results = pool.map(lambda job: bench.figures({job[0].name: job[0].others[job[1]]}, worlds), jobs)
        tried: dict[str, dict[str, Any]] = {setting.name: {"shipped": shipped} for setting in SETTINGS}
        for (setting, n), found in zip(jobs, results, strict=True):
            tried[setting.name][str(n)] = found
        held = {}
        for world in worlds:
            chosen = choose(world.name, tried)
            held[world.name] = {"chosen": chosen, "figures": bench.figures(chosen, [world])[world.name]}
        told = {"shipped": shipped, "held_out": held, "calibration": calibration(bench.risks()), "tried": tried}
    json.dump(told, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
