"""From a case's records and requests to the accounts that two hands used: the holder's, and whoever has the key now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from stormwatch.cases.evidence_file import EvidenceFile
from stormwatch.cases.findings import rows_where
from stormwatch.storage.lake import Lake

_CLIENT_LETTERS = 8  # what a client is called before its version
_WHY = "one client works from where it signed up, another from the address it shares with the rest: perhaps a victim"


def used_by_two(lake: Lake, file: EvidenceFile) -> Mapping[str, str]:
    """Accounts, with why they are left out, whose sign-up address is used by none of the clients that tie them here."""
    records = rows_where(lake, "account_records", "account_id", file.case.account_ids)
    home = {row["account_id"]: row["signup_ip"] for row in records if row["signup_ip"] is not None}
    shared = _shared_addresses(file)
    at_home: dict[str, set[str]] = defaultdict(set)
    beside: dict[str, set[str]] = defaultdict(set)
    columns = ("account_id", "source_ip", "user_agent")
    for row in rows_where(lake, "events", "account_id", file.case.account_ids, columns):
        account, address, agent = (row[name] for name in columns)
        if address is None or agent is None:
            continue
        if address == home.get(account):
            at_home[account].add(agent[:_CLIENT_LETTERS])
        elif address in shared.get(account, ()):
            beside[account].add(agent[:_CLIENT_LETTERS])
    return {account: _WHY for account in sorted(at_home) if beside[account] and not at_home[account] & beside[account]}


def _shared_addresses(file: EvidenceFile) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for link in file.links:
        for part in link.evidence:
            if part.identifier_kind == "address":
                for account in (link.account_id_a, link.account_id_b):
                    found[account].update(part.shared_values)
    return found
