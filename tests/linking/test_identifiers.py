"""What identifies: addresses that name a place, and code inside the window that the hunt was asked for."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from stormwatch.linking.shared_code import lay_shared_code
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.engine import sql_file
from stormwatch.storage.schemas import TABLES


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path / "spill")
    yield made
    made.close()


def lay(engine: DuckDBEngine, table: str, rows: list[dict[str, object]]) -> None:
    engine.register(table, pa.Table.from_pylist(rows, schema=TABLES[table]))


@pytest.mark.parametrize(
    ("address", "names_a_place"),
    [("198.51.100.7", True), ("10.0.0.7", True), ("2001:db8::7", True),
     ("127.0.0.1", False), ("169.254.3.4", False), ("0.0.0.0", False), ("::1", False), ("fe80::7", False)],
)  # fmt: skip
def test_an_address_that_a_machine_has_for_itself_identifies_nobody_on_requests_or_at_sign_up(
    engine: DuckDBEngine, address: str, names_a_place: bool
) -> None:
    lay(engine, "events", [{"account_id": "a", "source_ip": address, "ip_source": "socket", "time_us": 1}])
    lay(engine, "account_records", [{"account_id": "b", "signup_ip": address, "created_us": 2}])
    lay(engine, "observables", [])
    found = engine.query(sql_file("stormwatch.linking", "identifiers")).to_pylist()
    assert sorted(row["account_id"] for row in found) == (["a", "b"] if names_a_place else [])


def test_code_outside_the_window_links_nobody(engine: DuckDBEngine) -> None:
    same = {"field": "prompt", "kind": "code-text", "tokens": 400, "hashes": list(range(40))}
    rows = [{"account_id": account, "time_us": at, **same} for account, at in (("a", 1), ("b", 2), ("c", 9))]
    engine.register("all_fingerprints", pa.Table.from_pylist(rows, schema=TABLES["fingerprints"]))
    engine.view("fingerprints", "SELECT * FROM all_fingerprints WHERE time_us < 5")
    lay_shared_code(engine, most_accounts=20)
    found = engine.query("SELECT account_id_a, account_id_b, kind FROM shared_code").to_pylist()
    assert found == [{"account_id_a": "a", "account_id_b": "b", "kind": "code-program"}]
