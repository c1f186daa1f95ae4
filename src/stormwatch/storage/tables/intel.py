"""Tables of what partners told us: imported objects, indicators, actors and their names, shared lists, leads."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, false

from stormwatch.storage.tables.base import metadata

# The newest version seen of each object (of STIX, of MISP), so that no older copy comes back and a revocation stays.
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
    Column("pap", Text),
    Column("grade", Text),
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

# What a catalogue of names was imported from: the collection's own version and date, as far as it states them.
intel_collections = Table(
    "intel_collections",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("dated", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("imported_us", BigInteger, nullable=False),
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
    Column("dated", Text),
)

# `citation` is whom the source itself names for this spelling.
intel_actor_names = Table(
    "intel_actor_names",
    metadata,
    Column("actor_key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("citation", Text),
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
    Column("added_by", Text, nullable=False, server_default="system"),
    Column("names_people", Boolean, nullable=False, server_default=false()),
    Column("legal_basis", Text, nullable=False, server_default=""),
    Column("decided_by", Text),
    Column("decided_us", BigInteger),
    Column("decision_note", Text, nullable=False, server_default=""),
)

# What a lead names, whether or not it may be looked for yet.
lead_observables = Table(
    "lead_observables",
    metadata,
    Column("lead_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
)

# What a search of history for a lead answered: the period that it covered, how many events, and since when.
lead_searches = Table(
    "lead_searches",
    metadata,
    Column("search_id", Text, primary_key=True),
    Column("lead_id", Text, nullable=False, index=True),
    Column("searched_us", BigInteger, nullable=False),
    Column("watched_until_us", BigInteger, nullable=False),
    Column("from_us", BigInteger),
    Column("until_us", BigInteger),
    Column("events_searched", BigInteger, nullable=False),
    Column("without_artefacts", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
)

# Which account showed what: `event_ids` are lines, some of many.
lead_findings = Table(
    "lead_findings",
    metadata,
    Column("search_id", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("event_ids", Text, nullable=False),
)
