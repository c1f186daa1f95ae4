"""Tables of what partners told us: imported objects, indicators, actors and their names, shared lists, leads."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

# The newest version seen of each STIX object, so that an older copy never comes back and a revocation stays.
intel_objects = Table(
    "intel_objects",
    metadata,
    Column("object_id", Text, primary_key=True),
    Column("modified_us", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
)

# One row per observable; `origin` is the STIX object, CSV row or lead that it came from.
indicators = Table(
    "indicators",
    metadata,
    Column("indicator_id", Text, primary_key=True),
    Column("origin", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    Column("valid_until_us", BigInteger),
    Column("confidence", Integer),
    Column("source", Text, nullable=False),
    Column("tlp", Text, nullable=False),
    Column("lead_id", Text, index=True),
    Index("indicators_by_observable", "kind", "value"),
)

# Which actor names a source ties to an origin; `basis` is the relationship object, or the origin itself.
indicator_actors = Table(
    "indicator_actors",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("basis", Text, primary_key=True),
)

# An actor as one source keeps it: an ATT&CK group, a galaxy cluster, a STIX intrusion set, a row of a naming table.
intel_actors = Table(
    "intel_actors",
    metadata,
    Column("actor_key", Text, primary_key=True),
    Column("collection", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("external_id", Text),
    Column("source", Text, nullable=False),
)

intel_actor_names = Table(
    "intel_actor_names",
    metadata,
    Column("actor_key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
)

techniques = Table(
    "techniques",
    metadata,
    Column("technique_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
)

# `entries` are lines of ranges or names; whole lists are read at once, so rows of their own would only cost.
shared_lists = Table(
    "shared_lists",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("matching", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("entries", Text, nullable=False),
)

leads = Table(
    "leads",
    metadata,
    Column("lead_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("tlp", Text, nullable=False),
    Column("pap", Text, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("permitted_use", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text),
    Column("note", Text, nullable=False),
    Column("answer", Text),
    Column("answer_case_id", Text),
    Column("answered_us", BigInteger),
)
