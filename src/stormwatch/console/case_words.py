"""What an evidence file says beside the evidence, in sentences that the console and the command line share."""

from __future__ import annotations

from stormwatch.cases.evidence_file import EvidenceFile
from stormwatch.model.evidence import Evidence


def source_words(piece: Evidence) -> str:
    """Who says so: those outside whose word it is, or what was seen here."""
    return ", ".join(piece.sources) if piece.sources else "seen here"


def registry_words(file: EvidenceFile) -> str:
    """What the registry of verified researchers says of the accounts, also where it says nothing."""
    total, known, silent = len(file.accounts), len(file.verified_researchers), len(file.unknown_to_registry)
    found = f"{known} of {total} are verified researchers'" if known else "no account is a verified researcher's"
    unsaid = f"; of {silent} the operator's records do not say" if silent else ""
    return f"Registry of verified researchers: {found}{unsaid}"


def apart_words(file: EvidenceFile) -> str:
    """That people merged or split the case, so that its hypotheses were assessed on other accounts."""
    inside = len(set(file.assessed_accounts) & set(file.case.account_ids))
    return (
        f"The hypotheses were assessed on {len(file.assessed_accounts)} accounts, of which {inside} are among the "
        f"{len(file.case.account_ids)} of this case"
    )
