"""Lends these tests the small watch floor."""

from __future__ import annotations

from review_floor import floor

__all__ = ["floor"]
