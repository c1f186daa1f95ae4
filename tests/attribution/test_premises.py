"""Who works from one place for all to see hides nothing; who passes through an exit, or slips once, is not at home."""

from pathlib import Path

import pyarrow as pa
import pytest

from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.attribution.premises import AddressUse, common_address, recognise_premises
from stormwatch.storage.duckdb_engine import DuckDBEngine

HOME, EXIT = "192.0.2.7", "198.51.100.9"


def uses(*shares: float, users: int | None = None) -> dict[str, list[AddressUse]]:
    """Accounts a, b, ... that send these shares of what they send from one address."""
    there = users or len(shares)
    return {
        account: [AddressUse(account, HOME, share, there), AddressUse(account, f"203.0.113.{n}", 1 - share, 1)]
        for n, (account, share) in enumerate(zip("abcdefgh", shares, strict=False))
    }


@pytest.mark.parametrize(
    ("shares", "open_for_all"),
    [
        ((0.9, 0.8), True),
        ((0.5, 0.6), False),  # two who meet now and then
        ((0.6, 0.3, 0.4), True),  # an office: all three are there, and at home as well
        ((0.3, 0.3, 0.3), False),  # a server that operators' accounts share besides their exits
    ],
)
def test_a_home_or_an_office_is_where_most_of_it_comes_from(shares: tuple[float, ...], open_for_all: bool) -> None:
    assert common_address("abcdefgh"[: len(shares)], uses(*shares)) == (HOME if open_for_all else None)


def test_an_exit_that_strangers_use_as_well_is_no_premises() -> None:
    assert common_address("abc", uses(0.9, 0.9, 0.9)) == HOME
    assert common_address("abc", uses(0.9, 0.9, 0.9, users=40)) is None


def test_one_who_is_hardly_there_does_not_break_up_an_office_of_five_and_two_do() -> None:
    at = uses(0.9, 0.9, 0.9, 0.9)
    assert common_address([*"abcd", "away"], at) == HOME
    assert common_address([*"abcd", "away", "gone"], at) is None


def test_no_requests_at_all_make_nobody_at_home() -> None:
    assert common_address(["a", "b"], {}) is None


def test_it_reads_requests_and_sign_ups_and_believes_no_address_that_the_caller_asserts(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "spill")
    rows = [
        *({"account_id": a, "source_ip": HOME, "ip_source": "socket"} for a in "aab"),
        *({"account_id": a, "source_ip": EXIT, "ip_source": "asserted"} for a in "aaab"),
        *({"account_id": a, "source_ip": EXIT, "ip_source": "socket"} for a in "xy"),
    ]
    engine.register("events", pa.Table.from_pylist(rows))
    engine.register("account_records", pa.Table.from_pylist([{"account_id": "b", "signup_ip": HOME}]))
    clusters = [Subject("home", ("a", "b")), Subject("signed-up", ("x", "z"))]
    assert recognise_premises(engine, clusters) == {"home": HOME}
    engine.close()
