"""Tables of alerts: what was raised, the windows that each stands for, and the outbox of their messages."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", Text, primary_key=True),  # derived from what was seen, so that it is raised once
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("innocent_explanation", Text, nullable=False),
    Column("cause_id", Text, nullable=False),
    Column("cause_version", Text, nullable=False),
    Column("account_id", Text, index=True),
    Column("event_id", Text),
    Column("indicator_id", Text),
    Column("lead_id", Text),
    Column("case_id", Text),
    Column("techniques", JSON, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("raised_us", BigInteger, nullable=False, index=True),
    Column("held", Boolean, nullable=False),
    Index("alerts_by_cause", "cause_id", "cause_version", "raised_us"),
)

# One cause at one account within one stretch of time; an alert may stand for several that were found together.
alert_windows = Table(
    "alert_windows",
    metadata,
    Column("window_id", Text, primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), nullable=False, index=True),
    Column("seen", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("destination", Text, primary_key=True),  # derived from the receiver's address
    Column("state", Text, nullable=False),  # pending, delivered, dead
    Column("attempts", Integer, nullable=False),
    Column("next_try_us", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("delivered_us", BigInteger),
    Index("alert_deliveries_due", "destination", "state", "next_try_us"),
)
