"""Compares our linking with Splink's on the same worlds and identifiers: which pairs of one campaign are joined.

Each world goes through `stormwatch evaluate` in a home of its own. From its lake Splink, in its own environment, is
given what our linker reads: every account's identifiers, by how many accounts have them, and its rare fingerprints of
code. Its pairs are grouped by connected components at several probabilities, which is its own way, and by our average
linkage; ours stand beside them as linking leaves them and as the assessment settles them. Only the scoring reads the
truth. Prints one JSON object; takes some minutes for three worlds of 10,000 accounts.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stormwatch.config import Settings
from stormwatch.detections.fingerprints.blocks import BlockKind
from stormwatch.detections.fingerprints.shared_fingerprints import one_row_a_hash
from stormwatch.evaluate.pairs import Pairs, merged_campaigns, pairs_by_campaign
from stormwatch.evaluate.worlds import World, read_world
from stormwatch.hunt.window import open_window
from stormwatch.linking.cohesion import cohesive_groups
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.linking.link import read_clusters
from stormwatch.model.evidence import Link
from stormwatch.runtime import Runtime
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.engine import sql_file
from stormwatch.storage.lake import Lake

STORMWATCH = Path(sys.executable).with_name("stormwatch")
PEER = Path(__file__).with_name("splink_peer.py")
REACH = (3, 8, 20)  # a value counts as shared by so many accounts or fewer; more, and no pair is looked at
AT = (0.001, 0.01, 0.1, 0.5, 0.9)  # below a half as well, to find where Splink does best
JOINED = "shared-goal"  # what the assessment says of who joined; linking knows nothing of it
_VALUES = pa.list_(pa.string())
Clusters = Sequence[Sequence[str]]


def main() -> None:
    """Plays the worlds, asks Splink and prints what both joined."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*", type=Path, help="default: two that `stormwatch simulate` makes")
    parser.add_argument("--splink", required=True, help="a Python interpreter that has Splink 5")
    parser.add_argument("--home", type=Path, help="homes of an earlier `stormwatch evaluate --home` of these worlds")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        worlds = asked.worlds or list(_made(Path(folder)))
        homes = asked.home or Path(folder) / "homes"
        if asked.home is None:
            _run("evaluate", *map(str, worlds), "--home", str(homes), "--json")
        found = [_compare(read_world(world.resolve()), homes, Path(folder), asked.splink) for world in worlds]
    methods = found[0]["pairs"]
    pooled = {name: sum((one["pairs"][name] for one in found), Pairs()) for name in methods}
    told = {
        "worlds": [one | {"pairs": {name: _told(pairs) for name, pairs in one["pairs"].items()}} for one in found],
        "pooled": {name: _told(pairs) for name, pairs in pooled.items()},
    }
    json.dump(told, sys.stdout, indent=1)
    print()


def _made(folder: Path) -> Iterator[Path]:
    for seed in (1, 2):
        path = folder / f"world-{seed}"
        _run("simulate", str(path), "--accounts", "5000", "--events", "75000", "--seed", str(seed))
        yield path


def _run(*command: str) -> None:
    done = subprocess.run([str(STORMWATCH), *command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def _compare(world: World, homes: Path, folder: Path, python: str) -> dict[str, Any]:
    settings = Settings(home=homes / world.name, key_file=homes / f"{world.name}.key", database_url=None)
    comparisons = load_comparisons()
    with closing(Runtime(settings)) as runtime, runtime.engine() as engine:
        open_window(engine, runtime.lake, None, None)
        for name in ("identifiers", "organisations"):
            engine.create(name, sql_file("stormwatch.linking", name))
        records, kinds = _records(engine, runtime.lake)
        organisation = {row["account_id"]: row["org_id"] for row in _rows(engine, "organisations")}
        links = [Link(**row) for row in runtime.lake.read("links").to_pylist()]
        linked = [one for one in links if all(part["identifier_kind"] != JOINED for part in one.evidence)]
        settled = [c.account_ids for c in read_clusters(runtime.lake) if c.merged_into is None]
    scored, cost = _splink(records, kinds, folder, python)
    # Accounts of one organisation are openly together: no pairs of ours, so none of theirs.
    together = [one for one in scored if not _same(organisation, one.account_id_a, one.account_id_b)]
    found: dict[str, Clusters] = {
        "ours, as linking leaves them": cohesive_groups(linked, comparisons),
        "ours, as the assessment settles them": settled,
        "ours, connected components at 0.5": _components(linked, 0.5),
        **{f"Splink, connected components at {at}": _components(together, at) for at in AT},
        "Splink, average linkage": cohesive_groups(together, comparisons),
    }
    campaigns = {campaign.campaign_id: campaign.account_ids for campaign in world.campaigns}
    return {
        "world": world.name,
        "splink": cost,
        "links": {"ours": len(links), "Splink": len(together)},
        "campaigns_merged": {name: merged_campaigns(clusters, campaigns) for name, clusters in found.items()},
        "pairs": {name: _joined(clusters, campaigns) for name, clusters in found.items()},
    }


def _rows(engine: DuckDBEngine, table: str) -> Sequence[Mapping[str, Any]]:
    return engine.query(f"SELECT * FROM {table}").to_pylist()


def _records(engine: DuckDBEngine, lake: Lake) -> tuple[pa.Table, Mapping[str, Sequence[str]]]:
    """A row for each account, and by kind its columns: lists of the values that at most so many accounts have.

    An account that has values of a kind and shares none has an empty list, which tells; one that has none has no list.
    """
    held: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in _rows(engine, "identifiers"):
        held[row["kind"]][row["account_id"]].add(row["value"])
    code = one_row_a_hash(lake.read("fingerprints").filter(pc.field("kind") == BlockKind.CODE_TEXT.value))
    for number, account in zip(code["hash"].to_pylist(), code["account_id"].to_pylist(), strict=True):
        held["code"][account].add(str(number))
    accounts = sorted({account for of_kind in held.values() for account in of_kind})
    columns: dict[str, Any] = {"account_id": accounts}
    kinds: dict[str, Sequence[str]] = {}
    for kind, of_kind in held.items():
        frequency = Counter(value for values in of_kind.values() for value in values)
        if not any(2 <= count <= REACH[-1] for count in frequency.values()):
            continue
        name = kind.replace("-", "_")
        kinds[name] = [f"{name}_{most}" for most in (REACH if kind != "code" else REACH[-1:])]
        for column in kinds[name]:
            most = int(column.rsplit("_", 1)[1])
            columns[column] = pa.array([_shared(of_kind.get(one), frequency, most) for one in accounts], _VALUES)
    return pa.table(columns), kinds


def _shared(values: set[str] | None, frequency: Mapping[str, int], most: int) -> Sequence[str] | None:
    return None if values is None else sorted(value for value in values if 2 <= frequency[value] <= most)


def _splink(
    records: pa.Table, kinds: Mapping[str, Sequence[str]], folder: Path, python: str
) -> tuple[Sequence[Link], Mapping[str, Any]]:
    pq.write_table(records, folder / "records.parquet")
    prior = 1 / len(records)
    command = [python, str(PEER), str(folder / "records.parquet"), str(folder / "pairs.parquet")]
    command += ["--kinds", json.dumps(kinds), "--prior", str(prior)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    links = []
    for row in pq.read_table(folder / "pairs.parquet").to_pylist():
        one, other = sorted((row["account_id_l"], row["account_id_r"]))
        # Splink's weight has the prior in it; ours has not.
        weight, odds = row["match_weight"] - math.log2(prior), 2.0 ** min(row["match_weight"], 500.0)
        links.append(Link(one, other, weight, odds / (1 + odds), ()))
    return links, json.loads(done.stdout)


def _same(organisation: Mapping[str, str], one: str, other: str) -> bool:
    return one in organisation and organisation[one] == organisation.get(other)


def _components(links: Sequence[Link], least: float) -> Clusters:
    firm = [link for link in links if link.probability >= least]
    place = {one: n for n, one in enumerate(sorted({one for link in firm for one in _ends(link)}))}
    ends = [[place[one] for one in _ends(link)] for link in firm]
    shape = (len(place), len(place))
    _, labels = connected_components(
        coo_array(([1] * len(ends), tuple(zip(*ends, strict=True))), shape), directed=False
    )
    groups: dict[int, list[str]] = defaultdict(list)
    for one, number in zip(place, labels.tolist(), strict=True):
        groups[number].append(one)
    return list(groups.values())


def _ends(link: Link) -> tuple[str, str]:
    return link.account_id_a, link.account_id_b


def _joined(clusters: Clusters, campaigns: Mapping[str, Sequence[str]]) -> Pairs:
    return sum(pairs_by_campaign(clusters, campaigns).values(), Pairs())


def _told(pairs: Pairs) -> Mapping[str, float | None]:
    figures = {"precision": pairs.precision, "recall": pairs.recall, "f1": pairs.f1}
    return {name: None if value is None else round(value, 3) for name, value in figures.items()}


if __name__ == "__main__":
    main()
