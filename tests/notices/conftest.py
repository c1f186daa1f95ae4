"""Lends these tests the watch floor with a suspended account and a second approver who had no part in it."""

from __future__ import annotations

import pytest

from notice_making import suspended_floor
from review_floor import Floor, floor

__all__ = ["floor", "suspended"]


@pytest.fixture
def suspended(floor: Floor) -> Floor:
    return suspended_floor(floor)
