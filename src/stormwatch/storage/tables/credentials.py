"""Tables of what people prove themselves with: passwords, one-time codes, second factors; and of failed attempts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

passwords = Table(
    "passwords",
    metadata,
    Column("person_id", Text, ForeignKey("people.person_id"), primary_key=True),
    Column("hash", Text, nullable=False),  # Argon2id with its parameters and salt
    Column("set_us", BigInteger, nullable=False),
    Column("code_made_by", Text),  # who made the one-time code it began with; null: nobody else, or not known
)

invitations = Table(
    "invitations",
    metadata,
    Column("code_hash", Text, primary_key=True),  # SHA-256 of a code with 256 random bits
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Index("invitations_person", "person_id"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("person_id", Text, ForeignKey("people.person_id"), primary_key=True),
    Column("sealed_secret", Text, nullable=False),  # encrypted under a key that the database lacks
    Column("begun_us", BigInteger, nullable=False),
    Column("confirmed_us", BigInteger),  # null until the first code was right
    Column("last_step", BigInteger),  # the 30 seconds of the last code that was taken: none is taken twice
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", Text, primary_key=True),  # HMAC under a key that the database lacks
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False),
    Column("used_us", BigInteger),
    Index("recovery_codes_person", "person_id"),
)

failed_attempts = Table(
    "failed_attempts",
    metadata,
    Column("bucket", Text, primary_key=True),  # what is guessed at or from where, as a keyed hash
    Column("failures", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("closed_until_us", BigInteger, nullable=False),
)
