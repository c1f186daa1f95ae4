"""Composition root: makes or opens a home and puts the ports of every room together with what stands behind them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stormwatch.access.identities import Identities
from stormwatch.access.identity_flows import IdentityFlows
from stormwatch.access.password_changes import Passwords
from stormwatch.access.people import Access
from stormwatch.access.second_factors import SecondFactors
from stormwatch.access.sessions import Sessions
from stormwatch.access.sign_in import SignIn
from stormwatch.actions.notices.desk import Desk, desk_of
from stormwatch.config import Settings, load_settings
from stormwatch.events.client_address import TrustedProxies
from stormwatch.events.otlp_intake import OtlpIntake
from stormwatch.events.readers.choice import Formats, formats_of
from stormwatch.events.store import EventStore
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import NotFound
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import MINUTE
from stormwatch.storage.database import Database, open_database
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

if TYPE_CHECKING:
    from stormwatch.actions.delivery import Effort
    from stormwatch.actions.notices.outbox import CarryReport
    from stormwatch.actions.ports import Gateway
    from stormwatch.actions.round import Round
    from stormwatch.hunt.run import HuntReport
    from stormwatch.intel.lead_searches import LeadSearch


@dataclass(frozen=True)
class Runtime:
    """One open installation. Parts are made when first asked for, so that a command pays for what it uses."""

    settings: Settings

    @cached_property
    def keyring(self) -> Keyring:
        """The master key and what is derived from it."""
        return Keyring.load(self.settings.key_path)

    @cached_property
    def lake(self) -> Lake:
        """The tables that stages hand over."""
        return Lake(self.settings.home / "lake")

    @cached_property
    def database(self) -> Database:
        """The case database, schema up to date."""
        return open_database(self.settings.database)

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only record of decisions."""
        return Ledger(self.database, self.keyring)

    @cached_property
    def access(self) -> Access:
        """People, roles and tokens."""
        return Access(self.database, self.ledger, self._step_up_us)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in to the console."""
        return Sessions(self.database, self.keyring, self._step_up_us)

    @cached_property
    def passwords(self) -> Passwords:
        """People's passwords and the one-time codes that set them."""
        return Passwords(self.database, self.ledger, self.settings.provider_name)

    @cached_property
    def second_factors(self) -> SecondFactors:
        """People's second factors."""
        return SecondFactors(self.database, self.ledger, self.keyring, f"Stormwatch ({self.settings.provider_name})")

    @cached_property
    def sign_in(self) -> SignIn:
        """The ways in for people."""
        return SignIn(self.database, self.ledger, self.keyring, self.access, self.second_factors, self.sessions)

    @cached_property
    def identities(self) -> Identities:
        """Whose the identities at a provider are."""
        return Identities(self.database, self.ledger, self.settings.oidc_roles)

    @cached_property
    def identity_flows(self) -> IdentityFlows | None:
        """Sign-ins under way at the provider of the settings; None where none is set."""
        if self.settings.oidc_issuer is None:
            return None
        # Here and not above: only the console asks for it, and no other command should wait for what it pulls in.
        from stormwatch.adapters.openid_provider import openid_provider

        provider = openid_provider(self.settings)
        return None if provider is None else IdentityFlows(self.database, self.keyring, provider)

    @cached_property
    def gateways(self) -> tuple[Gateway, ...]:
        """Everything that keeps accounts out here, and is told and probed after a decision."""
        from stormwatch.adapters.gateways import gateways

        return gateways(self.database, self.settings)

    def go_round(self, effort: Effort | None = None, progress: ProgressReport | None = None) -> Round:
        """Ends what is over, releases what an embargo held, and tells the gateways what is due."""
        from stormwatch.actions.delivery import Effort
        from stormwatch.actions.round import go_round

        trying = effort or Effort(most_attempts=self.settings.delivery_attempts)
        return go_round(self.database, self.ledger, self.lake, self.gateways, trying, progress)

    @property
    def _step_up_us(self) -> int:
        return self.settings.step_up_minutes * MINUTE

    @cached_property
    def events(self) -> EventStore:
        """The ingest log and its way into the lake."""
        return EventStore(
            self.settings.home,
            self.keyring,
            self.lake,
            max_record_bytes=self.settings.max_record_bytes,
            account_attributes=self.settings.otlp_account_attributes,
        )

    @cached_property
    def otlp(self) -> OtlpIntake:
        """The way in for OpenTelemetry's protocol."""
        return OtlpIntake(self.events, self.formats.proxies)

    @cached_property
    def formats(self) -> Formats:
        """The formats that this installation reads."""
        proxies = TrustedProxies.of(self.settings.trusted_proxies, self.settings.forwarded_header)
        return formats_of(self.settings.mappings, proxies)

    @cached_property
    def desk(self) -> Desk:
        """Where notices are written and appeals are answered."""
        return desk_of(self.settings, self.database, self.ledger, self.keyring, self.lake)

    def send_notices(self, *, all_waiting: bool = False) -> CarryReport:
        """Carries out decided appeals, writes what people are owed and hands over what is due."""
        # Here and not above: few commands send anything, and no other should wait for what this pulls in.
        from stormwatch.actions.appeals.settling import settle
        from stormwatch.actions.notices.drafting import draft_to_owners
        from stormwatch.actions.notices.issuing import issue_due
        from stormwatch.actions.notices.outbox import carry
        from stormwatch.adapters.notice_webhook import notice_carrier

        carrier = notice_carrier(self.settings)
        settle(self.desk)
        issue_due(self.desk)
        draft_to_owners(self.desk)
        return carry(self.desk, carrier, all_waiting=all_waiting)

    @contextmanager
    def engine(self) -> Iterator[DuckDBEngine]:
        """A query engine for one piece of work."""
        engine = DuckDBEngine(self.settings.home / "spill")
        try:
            yield engine
        finally:
            engine.close()

    def hunt(
        self,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        full: bool = False,
        progress: ProgressReport | None = None,
    ) -> HuntReport:
        """One hunt over this installation."""
        # Here and not above: the stages pull in scipy, and no other command should wait seconds for it.
        from stormwatch.adapters.openai_judge import openai_judge
        from stormwatch.hunt.run import HuntParts, hunt

        parts = HuntParts(
            self.settings,
            self.keyring,
            self.lake,
            self.database,
            self.ledger,
            self.events,
            self.engine,
            openai_judge(self.settings),
        )
        return hunt(parts, since_us=since_us, until_us=until_us, full=full, progress=progress)

    def search_lead(self, lead_id: str, *, by: str, progress: ProgressReport | None = None) -> LeadSearch:
        """Searches everything that was taken in so far for an accepted lead."""
        from stormwatch.hunt.lead_search import LeadStores, search_lead

        self.events.compact()
        stores = LeadStores(self.lake, self.database, self.ledger)
        return search_lead(stores, lead_id, by=by, progress=progress)

    def close(self) -> None:
        """Lets go of what was opened."""
        for part in ("events", "database"):
            if part in self.__dict__:
                self.__dict__[part].close()


def create_home(home: Path) -> Runtime:
    """Makes a home (directory, key outside it, database) or completes one; what is there stays as it is."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = load_settings(home)
    if not settings.key_path.exists() and (home / "lake").exists():
        Keyring.load(settings.key_path)  # a home with texts but no key must not get a new one
    Keyring.create(settings.key_path)
    runtime = Runtime(settings)
    runtime.database.close()
    return Runtime(settings)


def open_runtime(home: Path, *, create: bool = False) -> Runtime:
    """Opens a home. With `create` one that does not exist is made; else NotFound says how to make it."""
    settings = load_settings(home)
    if is_home(home, settings):
        return Runtime(settings)
    if create:
        return create_home(home)
    raise NotFound("this home does not exist", where=str(home), remedy=f"run `stormwatch --home {home} init` first")


def is_home(home: Path, settings: Settings | None = None) -> bool:
    """Whether an installation lives there: the directory and its key exist, or traces that demand the key."""
    known = settings or load_settings(home)
    return home.is_dir() and (known.key_path.exists() or any(os.scandir(home)))
