"""Homes for tests over a copy of an empty case database: migrations are tested for themselves and take 0.2 s a home."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy.engine import make_url

from stormwatch.config import load_settings
from stormwatch.runtime import Runtime, create_home
from stormwatch.storage.database import open_database


@cache
def migrated_database() -> bytes:
    """The file of an SQLite database with today's schema and nothing in it."""
    with tempfile.TemporaryDirectory(prefix="stormwatch-") as folder:
        file = Path(folder, "empty.db")
        open_database(f"sqlite:///{file}").close()
        return file.read_bytes()


def new_home(home: Path) -> Runtime:
    """A fresh installation as `create_home` makes it; its database may be one on PostgreSQL."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = make_url(load_settings(home).database)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        Path(url.database).write_bytes(migrated_database())
    return create_home(home)
