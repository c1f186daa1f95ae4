"""What leaves the provider at the end of the story: a bundle for peers, an answer to the lead, the public report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stormwatch.attribution.alias_conflicts import public_conflicts
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.intel.lead_hits import lead_hits
from stormwatch.model.case import Case
from stormwatch.model.errors import IntegrityError
from stormwatch.model.intel import TLP, Lead
from stormwatch.model.principal import Principal
from stormwatch.model.times import from_us, now_us
from stormwatch.reports.building import build_report
from stormwatch.reports.figures import Period
from stormwatch.reports.publication import publish_report, verify_report, write_report
from stormwatch.reports.published import Publication
from stormwatch.reports.sources import Sources
from stormwatch.reports.statements import Statements
from stormwatch.runtime import Runtime
from stormwatch.sharing.bundle import BundleTerms, SharedBundle
from stormwatch.sharing.gathering import gather
from stormwatch.sharing.lead_answers import LeadReply, answer_lead
from stormwatch.sharing.outward import share_case
from stormwatch.sharing.pseudonyms import Pseudonyms
from stormwatch.simulate.world import DAYS


def share_bundle(runtime: Runtime, by: Principal, case: Case, output: Path) -> SharedBundle:
    """A STIX bundle of an acted case for peers, TLP:AMBER, accounts under pseudonyms; recorded on the ledger."""
    profiles = load_profiles((shipped("profiles"), *runtime.settings.profiles))
    names = {profile.actor_id: tuple(dict.fromkeys(one.name for one in profile.names)) for profile in profiles}
    material = gather(runtime.database, runtime.lake, case.case_id, names, public_conflicts(profiles))
    terms = BundleTerms(runtime.settings.provider_name, TLP.AMBER, Pseudonyms(runtime.keyring, "peers"), now_us())
    shared = share_case(runtime.database, runtime.ledger, by, material, terms)
    output.write_bytes(shared.text)
    return shared.shared


def answer(runtime: Runtime, by: Principal, lead: Lead, acted: Sequence[Case]) -> LeadReply:
    """The answer to the lead, from the acted case that holds most of what it hit."""
    hits = set(lead_hits(runtime.lake, runtime.database, lead.lead_id).accounts)
    best = max(acted, key=lambda case: len(hits & set(case.account_ids)), default=None)
    case_id = best.case_id if best is not None and hits & set(best.account_ids) else None
    return answer_lead(runtime.database, runtime.ledger, runtime.lake, by, lead.lead_id, case_id=case_id)


def publish(runtime: Runtime, by: Principal, world_start_us: int, directory: Path) -> Publication:
    """The public report of the four weeks and what was done since, built, published and verified."""
    sources = Sources(runtime.database, runtime.lake, runtime.ledger)
    today = datetime.now(UTC).date()
    first = min(from_us(world_start_us).date(), today - timedelta(days=DAYS))
    statements = Statements(
        summary="This report is about a made-up provider. No account, organisation or campaign in it exists."
    )
    period = Period.parse(first.isoformat(), today.isoformat())
    write_report(build_report(sources, runtime.settings, period, statements), directory)
    publish_report(sources, directory, by)
    published, ledger = verify_report(sources, directory)
    if not ledger.ok:
        raise IntegrityError(ledger.explanation, where=str(directory))
    return published
