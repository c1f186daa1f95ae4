"""Tables of what is done to accounts: proposals, actions, the outbox to gateways and the decision list."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

proposals = Table(
    "proposals",
    metadata,
    Column("proposal_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("evidence_hash", Text, nullable=False),
    Column("collateral", JSON, nullable=False),
    Column("until_us", BigInteger),
    Column("not_before_us", BigInteger),  # the embargo: nothing is delivered before; null: at once
    Column("proposed_by", Text, nullable=False),
    Column("proposed_us", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_us", BigInteger),
    Column("decision_reason", Text),
)

proposal_accounts = Table(
    "proposal_accounts",
    metadata,
    Column("proposal_id", Text, ForeignKey("proposals.proposal_id"), primary_key=True),
    Column("account_id", Text, primary_key=True),
)

actions = Table(
    "actions",
    metadata,
    Column("action_id", Text, primary_key=True),
    Column("proposal_id", Text, ForeignKey("proposals.proposal_id"), nullable=False, index=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("evidence_hash", Text, nullable=False),
    Column("until_us", BigInteger),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_us", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_us", BigInteger, nullable=False),
    Column("effective_us", BigInteger),  # in force since; null while an embargo holds it back
    Column("ended_us", BigInteger),  # over: its end had come, or the end of an embargo found no ground for it any more
    Column("acknowledged_us", BigInteger),
    Column("verified_us", BigInteger),
    Column("reversed_us", BigInteger),
    Column("reversed_by", Text),
    Column("reversal_reason", Text),
)

outbox = Table(
    "outbox",
    metadata,
    Column("order_id", Integer, primary_key=True, autoincrement=True),
    Column("action_id", Text, ForeignKey("actions.action_id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),  # apply, lift or expire
    Column("account_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_us", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("finished_us", BigInteger),  # every gateway's answer was verified
    Column("dead_us", BigInteger),  # given up after the last attempt, until a person requeues it
    Index("outbox_unfinished", "finished_us", "dead_us", "next_try_us"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("order_id", Integer, ForeignKey("outbox.order_id"), primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("requested_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),  # grows when another call has to be made
    Column("idempotency_key", Text, nullable=False, server_default=""),
    Column("state", Text),  # the state that this revision asks for
    Column("answer", Text),  # what the gateway answered when it was probed last
    Column("acknowledged_us", BigInteger),
    Column("verified_us", BigInteger),
)

decisions = Table(
    "decisions",
    metadata,
    Column("action_id", Text, ForeignKey("actions.action_id"), primary_key=True),  # one row per action in effect
    Column("account_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("until_us", BigInteger),
    Index("decisions_by_account", "account_id"),
)

# Every change of `decisions`, by whatever path, in order: triggers write it, and whoever keeps a copy follows it.
decision_changes = Table(
    "decision_changes",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice
)

# What gateways that keep accounts of their own were made to shut: keys, users. Only what was open then is opened again.
gateway_holds = Table(
    "gateway_holds",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("held", Text, primary_key=True),  # the gateway's own name for it; empty: the account was told of
    Column("ours", Boolean, nullable=False),  # false: it was shut already, for reasons of somebody else
)
