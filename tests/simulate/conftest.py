"""One small world, made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormwatch.simulate.world import WorldReport, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> WorldReport:
    return make_world(tmp_path_factory.mktemp("worlds") / "small", accounts=1_500, events=9_000, seed=5)


@pytest.fixture(scope="session")
def folder(world: WorldReport) -> Path:
    return world.out
