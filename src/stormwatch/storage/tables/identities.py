"""Tables of identities at an OpenID provider: whose each one is, and the sign-ins that are under way there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from stormwatch.storage.tables.base import metadata

identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False),
    Column("follows_claims", Boolean, nullable=False),  # came by the provider's word, so their role follows it too
    Column("linked_us", BigInteger, nullable=False),
    Column("linked_by", Text, nullable=False),
    Index("identities_person", "person_id"),
)

identity_flows = Table(
    "identity_flows",
    metadata,
    Column("state_hash", Text, primary_key=True),  # SHA-256 of the state that the provider hands back, once
    Column("browser_hash", Text, nullable=False),  # SHA-256 of the cookie of the browser that began
    Column("nonce", Text, nullable=False),
    Column("sealed_verifier", Text, nullable=False),  # PKCE's secret, encrypted
    Column("back", Text, nullable=False),
    Column("session_id", Text),  # whose session asked to link an identity; null for a sign-in
    Column("begun_us", BigInteger, nullable=False),
)
