"""New indicators searched in all stored history, beside one plain DuckDB join a kind over the same files, as JSON.

Run `python benchmarks/retro_hunt.py [--events N] [--indicators N] [--seed N]`. The lake is made up from the seed:
events with their columns and no texts, accounts, one event in ten with an artefact. Searched are addresses, ranges,
domains, URLs, hashes, e-mail addresses and TLS fingerprints, about one in ten of which is there. The time is that of
the product's own step (`detections`), from reading Parquet to committed detections. The joins do the least that could
be done: they find event and indicator, and neither write nor weigh anything.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from stormwatch.detections.artefacts.artefacts import EXTRACTOR_VERSION
from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.matching import IndicatorMatcher
from stormwatch.detections.indicators.retro_hunt import match_segments, segments_of
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import ACCOUNT_RECORDS, EVENTS, OBSERVABLES

SEGMENT = 65_536
START_US = 1_770_000_000_000_000
ARTEFACTS_A_SEGMENT = SEGMENT // 10
HOME_NETWORKS = 1 << 20  # addresses that the made-up population comes from


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--indicators", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormwatch-bench-") as folder:
        keyring, lake = Keyring.create(Path(folder) / "key"), Lake(Path(folder) / "lake", grace_us=0)
        chance = np.random.default_rng(options.seed)
        started = time.perf_counter()
        make_history(lake, options.events, chance)
        detect(lake, keyring, RuleSet([]), [])
        made = time.perf_counter() - started
        indicators = make_indicators(options.indicators, chance)
        searched = timed(lambda: detect(lake, keyring, RuleSet([]), indicators))
        again = timed(lambda: detect(lake, keyring, RuleSet([]), [*indicators, *make_indicators(1, chance)]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        joined = timed(lambda: joins(lake, indicators))
        matched = timed(lambda: count_pairs(lake, indicators))
        assert matched[1] == joined[1], "the two ways disagree"
        print(
            json.dumps(
                {
                    "events": options.events,
                    "artefacts": sum(file.rows for file in lake.files("observables")),
                    "indicators": len(indicators),
                    "made_seconds": round(made, 1),
                    "search_seconds": searched[0],
                    "detections": searched[1].indicator_hits,
                    "matching_alone_seconds": matched[0],
                    "one_more_indicator_seconds": again[0],
                    "segments_rewritten_for_it": again[1].segments_changed,
                    "duckdb_joins_seconds": joined[0],
                    "pairs_matched": matched[1],
                    "pairs_joined": joined[1],
                    "megabytes_at_most": memory // 1024,
                }
            )
        )


def timed(work: Any) -> tuple[dict[str, float], Any]:
    """Seconds by the clock and of processors: on a busy machine the second figure is the one to read."""
    started, used = time.perf_counter(), time.process_time()
    result = work()
    seconds = {"clock": round(time.perf_counter() - started, 2), "cpu": round(time.process_time() - used, 2)}
    return seconds, result


def make_history(lake: Lake, events: int, chance: np.random.Generator) -> None:
    agents = pa.array([f"client-{number}/{number % 7}.{number % 5}" for number in range(4000)])
    prints = pa.array([f"t13d{number:04x}h2_{number * 7919:012x}" for number in range(2000)])
    for number, start in enumerate(range(0, events, SEGMENT)):
        rows = min(SEGMENT, events - start)
        segment = f"seg-{number:05d}"
        ids = np.arange(start, start + rows)
        accounts = chance.zipf(1.3, rows) % 200_000
        columns = {
            "collector": pa.repeat("bench", rows),
            "event_id": pa.array([f"evt-{one:012x}" for one in ids]),
            "time_us": pa.array(START_US + ids * 250_000),
            "ingested_us": pa.array(START_US + ids * 250_000),
            "account_id": pa.array([f"acct-{one:010x}" for one in accounts]),
            "source_ip": addresses(accounts, chance),
            "user_agent": agents.take(pa.array((accounts * 31 + chance.integers(0, 3, rows)) % 4000)),
            "tls_fingerprint": prints.take(pa.array((accounts * 17) % 2000)),
            "segment": pa.repeat(segment, rows),
        }
        table = pa.table({name: columns.get(name, pa.nulls(rows, EVENTS.field(name).type)) for name in EVENTS.names})
        event_file = lake.write("events", table.cast(EVENTS), segment=segment)
        seen = artefacts(table, chance)
        marks = {"source": event_file.path, "extractor": EXTRACTOR_VERSION}
        seen_file = lake.write("observables", seen, segment=segment, marks=marks)
        lake.commit(LakeChange(add={"events": [event_file], "observables": [seen_file]}))
    lake.commit(LakeChange(add={"account_records": [lake.write("account_records", sign_ups(chance))]}))


def addresses(accounts: Any, chance: np.random.Generator) -> pa.Array:
    """Each account has a few addresses of its own; one in ten rows has IPv6."""
    home = (accounts * 2_654_435_761 + chance.integers(0, 4, len(accounts)) * 97) % HOME_NETWORKS
    wide = chance.random(len(accounts)) < 0.1
    return pa.array([address_text(int(one), wide=bool(six)) for one, six in zip(home, wide, strict=True)])


def address_text(number: int, *, wide: bool) -> str:
    if wide:
        return f"2001:db8:{number >> 8:x}::{(number & 255) + 1:x}"
    return f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def artefacts(events: pa.Table, chance: np.random.Generator) -> pa.Table:
    rows = np.sort(chance.choice(events.num_rows, min(ARTEFACTS_A_SEGMENT, events.num_rows), replace=False))
    told = [artefact(int(one)) for one in chance.zipf(1.2, len(rows)) % 400_000]
    keys = events.select(["event_id", "account_id", "time_us"]).take(pa.array(rows))
    columns = {
        **{name: keys[name] for name in keys.column_names},
        "kind": pa.array([kind for kind, _ in told]),
        "value": pa.array([value for _, value in told]),
        "field": pa.repeat("prompt", len(rows)),
    }
    return pa.table(columns).cast(OBSERVABLES)


def artefact(number: int) -> tuple[str, str]:
    match number % 5:
        case 0:
            return "domain-name", f"h{number}.zone{number % 5000}.example"
        case 1:
            return "url", f"https://h{number}.zone{number % 5000}.example/path/{number}"
        case 2:
            return "file-sha256", f"{number * 0x9E3779B97F4A7C15 % 2**64:064x}"
        case 3:
            return "email-addr", f"user{number}@zone{number % 5000}.example"
        case _:
            return "ipv4-addr", address_text(number % HOME_NETWORKS, wide=False)


def sign_ups(chance: np.random.Generator) -> pa.Table:
    count = 200_000
    home = chance.integers(0, HOME_NETWORKS, count)
    columns = {
        "account_id": pa.array([f"acct-{one:010x}" for one in range(count)]),
        "created_us": pa.array(np.full(count, START_US)),
        "signup_ip": pa.array([address_text(int(one), wide=False) for one in home]),
        "email_domain": pa.array([f"zone{one % 5000}.example" for one in range(count)]),
    }
    named = {
        name: columns.get(name, pa.nulls(count, ACCOUNT_RECORDS.field(name).type)) for name in ACCOUNT_RECORDS.names
    }
    return pa.table(named).cast(ACCOUNT_RECORDS)


def make_indicators(count: int, chance: np.random.Generator) -> list[Indicator]:
    """Equal parts of each kind; about one in ten is of something that is in the history."""
    made: dict[Observable, None] = {}
    while len(made) < count:
        number = int(chance.integers(0, 4_000_000)) * 10
        there = chance.random() < 0.1
        made[observable(len(made) % 8, number if there else number + 40_000_000, there=there)] = None
    return [
        Indicator(f"indicator-{number:06d}-{one.value}"[:60], one, 0, confidence=60) for number, one in enumerate(made)
    ]


def observable(kind: int, number: int, *, there: bool) -> Observable:
    match kind:
        case 0:
            text = (
                address_text(number // 10 % HOME_NETWORKS, wide=False)
                if there
                else f"198.{number >> 16 & 63}.{number >> 8 & 255}.{number & 255}"
            )
            return Observable(ObservableKind.IPV4, text)
        case 1:
            text = (
                address_text(number // 10 % HOME_NETWORKS, wide=True)
                if there
                else f"2001:db8:ffff:{number >> 8 & 0xFFFF:x}::{number & 255:x}"
            )
            return Observable(ObservableKind.IPV6, str(ipaddress.ip_address(text)))
        case 2:
            network = f"{'203' if there else '198'}.{number >> 16 & 63}.{number >> 8 & 255}.0/28"
            return Observable(ObservableKind.CIDR, str(ipaddress.ip_network(network)))
        case 3:
            return Observable(
                ObservableKind.DOMAIN, f"h{number % 400_000 if there else number}.zone{number % 5000}.example"
            )
        case 4:
            return Observable(
                ObservableKind(artefact(number // 10 * 5 % 400_000 + 1)[0]),
                artefact(number // 10 * 5 % 400_000 + 1 if there else number * 5 + 1)[1],
            )
        case 5:
            return Observable(
                ObservableKind.SHA256, artefact(number // 10 * 5 % 400_000 + 2 if there else number * 5 + 2)[1]
            )
        case 6:
            return Observable(
                ObservableKind.EMAIL, artefact(number // 10 * 5 % 400_000 + 3 if there else number * 5 + 3)[1]
            )
        case _:
            return Observable(
                ObservableKind.TLS, f"t13d{number % 2000 if there else number:04x}h2_{number % 2000 * 7919:012x}"
            )


def count_pairs(lake: Lake, indicators: list[Indicator]) -> int:
    """Pairs of event and indicator that the matcher finds over all segments, nothing written."""
    matcher = IndicatorMatcher(IndicatorIndex(indicators))
    return sum(
        rows for _, rows in match_segments(matcher, segments_of(lake, lake.manifest()), lambda _, rows: rows.num_rows)
    )


def joins(lake: Lake, indicators: list[Indicator]) -> int:
    """The same pairs by SQL: addresses and ranges as numbers, names with all above them, the rest by value."""
    database = duckdb.connect(
        ":memory:",
        config={"threads": "2", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )
    database.register(
        "told",
        pa.table(
            {
                "id": [one.indicator_id for one in indicators],
                "kind": [one.observable.kind.value for one in indicators],
                "value": [one.observable.value for one in indicators],
                "low": pa.array([bounds(one)[0] for one in indicators], pa.int64()),
                "high": pa.array([bounds(one)[1] for one in indicators], pa.int64()),
            }
        ),
    )
    for table in ("events", "observables"):
        database.read_parquet([str(path) for path in lake.paths(table)]).create_view(table)
    number = "list_reduce([x::BIGINT for x in string_split(value, '.')], lambda a, b: a * 256 + b)"
    v4 = """SELECT source_ip AS value FROM events WHERE source_ip NOT LIKE '%:%'
        UNION ALL SELECT value FROM observables WHERE kind = 'ipv4-addr'"""
    names = """SELECT split_part(value, '@', -1) AS name FROM observables WHERE kind IN ('domain-name', 'email-addr')"""
    queries = [
        f"SELECT count(*) FROM (SELECT {number} AS n FROM ({v4})) JOIN told ON n BETWEEN low AND high",
        "SELECT count(*) FROM events JOIN told ON kind = 'ipv6-addr' AND value = source_ip",
        "SELECT count(*) FROM events JOIN told ON kind = 'tls-fingerprint' AND value = tls_fingerprint",
        """SELECT count(*) FROM observables o JOIN told t ON o.kind = t.kind AND o.value = t.value
        WHERE o.kind IN ('url', 'file-sha256', 'email-addr')""",
        f"""SELECT count(*) FROM ({names}) JOIN told
        ON kind = 'domain-name' AND (name = value OR ends_with(name, '.' || value))""",
    ]
    return sum(database.sql(query).fetchall()[0][0] for query in queries)


def bounds(indicator: Indicator) -> tuple[int | None, int | None]:
    if indicator.observable.kind not in (ObservableKind.IPV4, ObservableKind.CIDR):
        return None, None
    network = ipaddress.ip_network(indicator.observable.value)
    return int(network.network_address), int(network.broadcast_address)


if __name__ == "__main__":
    main()
