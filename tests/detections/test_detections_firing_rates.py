"""The published firing rates are those of the shipped rules, and none above the limit counts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark() -> ModuleType:
    path = ROOT / "benchmarks" / "firing_rates.py"
    spec = importlib.util.spec_from_file_location("firing_rates", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.shared
def test_the_published_table_is_what_is_measured(shared: Path, benchmark: ModuleType) -> None:
    measured = benchmark.measure(shared / "data" / "dev" / "VIEW_hard_negatives_security.parquet")
    published = (ROOT / "docs" / "rules-firing-rates.md").read_text(encoding="utf-8")
    assert benchmark.table(measured) == published
    loud = [row["title"] for row in measured["rules"] if row["rate"] > benchmark.LIMIT and not row["shadow"]]
    assert loud == []
