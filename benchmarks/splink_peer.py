"""Splink's answer to which accounts are one operator: a Parquet file of records in, one of scored pairs out.

Runs in an environment of its own (`pip install splink==5.0.0`), started by linking_peers.py. A record is an account
with lists of the values of each kind, by how many accounts have them. The model is Splink's own way: what is shared by
chance is estimated by random pairs, what one hand shares by expectation maximisation, nothing from any truth.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence

import duckdb
import splink.comparison_level_library as levels
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule
from splink.comparison_library import CustomComparison
from splink.internals.exceptions import SplinkException

RANDOM_PAIRS = 1e7
SHARED_HASHES = (32, 16)  # rare fingerprints of code in common: a program of its own, a passage


def comparison(kind: str, columns: Sequence[str]) -> CustomComparison:
    """One kind: whether a pair shares a value that few have, or one that more have, rarest first."""
    least = SHARED_HASHES if kind == "code" else (1,)
    return CustomComparison(
        output_column_name=kind,
        comparison_levels=[
            levels.NullLevel(columns[-1]),
            *(levels.ArrayIntersectLevel(column, count) for column in columns for count in least),
            levels.ElseLevel(),
        ],
    )


def main() -> None:
    """Trains, predicts and prints the seconds, the memory and the parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records")
    parser.add_argument("pairs")
    parser.add_argument("--kinds", required=True, help="JSON: by kind its columns, rarest first")
    parser.add_argument("--prior", required=True, type=float, help="odds that two accounts at random are one hand's")
    asked = parser.parse_args()
    kinds: dict[str, list[str]] = json.loads(asked.kinds)
    began = time.monotonic()
    api = DuckDBAPI(duckdb.connect())
    firsts = ", ".join(f"{columns[-1]}[1] AS {kind}_first" for kind, columns in kinds.items())
    rows = duckdb.connect().execute(f"SELECT *, {firsts} FROM read_parquet(?)", [asked.records]).to_arrow_table()
    records = api.register(rows)
    blocks = {kind: block_on(columns[-1], arrays_to_explode=[columns[-1]]) for kind, columns in kinds.items()}
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="account_id",
        probability_two_random_records_match=asked.prior,
        comparisons=[comparison(kind, columns) for kind, columns in kinds.items()],
        blocking_rules_to_generate_predictions=list(blocks.values()),
        retain_intermediate_calculation_columns=False,
    )
    linker = Linker(records, settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    untrained = {}
    for kind in kinds:
        # Splink trains by what is equal, not by members of lists: pairs that share the first of a list stand for all.
        rule = CustomRule(f"l.{kind}_first = r.{kind}_first")
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        except SplinkException as error:  # too few pairs share a value of this kind
            untrained[kind] = f"{type(error).__name__}: {str(error)[:200]}"
    found = linker.inference.predict(threshold_match_weight=-10)
    duckdb.from_arrow(found.as_pyarrow_table()).select("account_id_l, account_id_r, match_weight").write_parquet(
        asked.pairs
    )
    told = {
        "seconds": round(time.monotonic() - began, 1),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
        "trained_nothing": untrained,
        "levels": _levels(linker),
    }
    print(json.dumps(told))


def _levels(linker: Linker) -> dict[str, list[tuple[str, float | None, float | None]]]:
    return {
        one["output_column_name"]: [
            (level["label_for_charts"], level.get("m_probability"), level.get("u_probability"))
            for level in one["comparison_levels"]
            if not level.get("is_null_level")
        ]
        for one in linker.misc.save_model_to_json()["comparisons"]
    }


if __name__ == "__main__":
    main()
