"""What the tables of the case database share: one metadata object. Times are BIGINT microseconds, ids are text."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
