"""The exact accounts and evidence of a case as one hash, and as a basis by which later evidence is told to be new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from stormwatch.ledger.canonical import JSON, canonical_json
from stormwatch.model.evidence import Evidence, Link

# A hunt measures base rates afresh, so the same piece may come back a little heavier. Half the odds again is new.
_NEW_BITS: Final = 1.0


class BasisPiece(NamedTuple):
    """One piece of evidence without what a new measurement may change; `actors` are joined by a comma.

    `account_id` is empty for evidence about the accounts together, whose cluster may get another id. `kind` is empty in
    the piece that says no more than that the account was there.
    """

    account_id: str
    kind: str
    group: str
    actors: str
    weight_bits: float


def evidence_digest(
    case_accounts: Sequence[str],
    accounts: Mapping[str, bool | None],
    evidence: Sequence[Evidence],
    links: Sequence[Link],
) -> str:
    """SHA-256 (hex) over canonical JSON of the case's account list, the accounts acted on and all evidence shown.

    `accounts` maps each account in question to whether it is a verified researcher's. Weights and frequencies enter
    as they are shown (one decimal; two significant figures), so that float noise is no change but a visible one is.
    """
    content: JSON = {
        "case_accounts": sorted(case_accounts),
        "accounts": [[account_id, accounts[account_id]] for account_id in sorted(accounts)],
        "evidence": sorted((_piece(item) for item in evidence), key=canonical_json),
        "links": sorted((_link(link) for link in links), key=canonical_json),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def basis_of(account_ids: Sequence[str], evidence: Sequence[Evidence]) -> list[BasisPiece]:
    """The basis of a judgement: who was there and what was known, piece by piece, in a fixed order."""
    accounts = set(account_ids)
    present = [BasisPiece(account_id, "", "", "", 0.0) for account_id in accounts]
    known = [
        BasisPiece(
            e.account_id if e.account_id in accounts else "",
            e.kind,
            e.group,
            ",".join(sorted(e.actors)),
            round(e.weight_bits, 3),
        )
        for e in evidence
    ]
    return sorted([*present, *known])


def has_joined(settled: Sequence[BasisPiece], current: Sequence[BasisPiece]) -> bool:
    """Whether an account is there now that was not when the case was settled."""
    return not {piece.account_id for piece in current} <= {piece.account_id for piece in settled} | {""}


def is_new(settled: Sequence[BasisPiece], current: Sequence[BasisPiece]) -> bool:
    """Whether `current` incriminates more than what a case was settled on.

    New is a piece of a kind that was not known for that account (what an account that joined brings is new), or one
    that grew by a bit or more. Less evidence, or the same measured afresh, is not new.
    """
    known: dict[tuple[str, str, str, str], float] = {}
    for piece in settled:
        key = piece[:4]
        known[key] = max(piece.weight_bits, known.get(key, piece.weight_bits))
    return any(
        piece.weight_bits > 0 and (piece[:4] not in known or piece.weight_bits >= known[piece[:4]] + _NEW_BITS)
        for piece in current
    )


def _piece(item: Evidence) -> JSON:
    return [
        item.account_id,
        item.kind,
        item.group,
        f"{item.weight_bits:.1f}",
        item.summary,
        item.innocent_explanation,
        f"{item.innocent_frequency:.2g}",
        item.event_time_us,
        sorted(item.actors),
        sorted(item.event_ids),
        sorted(item.sources),
    ]


def _link(link: Link) -> JSON:
    parts: list[JSON] = [
        [part.identifier_kind, sorted(part.shared_values), f"{part.weight_bits:.1f}", part.innocent_explanation]
        for part in link.evidence
    ]
    return [link.account_id_a, link.account_id_b, f"{link.match_weight:.1f}", sorted(parts, key=canonical_json)]
