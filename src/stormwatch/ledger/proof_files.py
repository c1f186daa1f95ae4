"""Proofs as files, and their check by an outsider: no database, no key but the public one, nothing to trust."""

from __future__ import annotations

import msgspec

from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.ledger.entry import commitment_of, leaf_of
from stormwatch.ledger.proofs import continues, includes
from stormwatch.model.errors import IntegrityError, InvalidInput, StormwatchError

_MAX_FILE = 1_000_000


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a commitment stands for: its salt (hex), the subject, and the body as the stored text."""

    salt: str
    subject: str
    body: str


class InclusionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag="inclusion/1"):
    """One entry, the way from it to a signed head, and, where it was opened, what it says. Hashes in hex."""

    checkpoint: Checkpoint
    sequence: int
    time_us: int
    kind: str
    actor: str
    commitment: str
    path: tuple[str, ...]
    opening: Opening | None = None


class ConsistencyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag="consistency/1"):
    """Two signed heads, and what shows that the second continues the first."""

    first: Checkpoint
    second: Checkpoint
    path: tuple[str, ...]


ProofFile = InclusionFile | ConsistencyFile


def proof_text(proof: ProofFile) -> str:
    """The file form: one JSON object over several lines."""
    return msgspec.json.format(msgspec.json.encode(proof), indent=2).decode() + "\n"


def parse_proof(text: str, *, where: str | None = None) -> ProofFile:
    """Reads the file form; InvalidInput when it is none. Nothing is checked yet."""
    try:
        if len(text) > _MAX_FILE:
            raise msgspec.ValidationError("the file is too long")
        proof: ProofFile = msgspec.json.decode(text, type=ProofFile)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(
            f"this is no proof: {error}", where=where, remedy="give a file written by `stormwatch audit prove`"
        ) from error
    return proof


def check_proof(proof: ProofFile, public_key: str, known: Checkpoint | None = None) -> str:
    """One sentence on what is proved; IntegrityError says why nothing is.

    `public_key` is the ledger's, known from elsewhere. `known` is a checkpoint of the outsider's own: the proof must
    be about that very head, the later one of a consistency proof, or the earlier.
    """
    heads = (proof.checkpoint,) if isinstance(proof, InclusionFile) else (proof.first, proof.second)
    for head in heads:
        if head.public_key != public_key or not head.is_signed:
            raise IntegrityError("a checkpoint in the proof is not signed by this key")
    if known is not None and all((head.size, head.root) != (known.size, known.root) for head in heads):
        raise IntegrityError("the proof is about another head than your checkpoint", remedy="ask for one that fits it")
    return _inclusion(proof) if isinstance(proof, InclusionFile) else _consistency(proof)


def _inclusion(proof: InclusionFile) -> str:
    head = proof.checkpoint
    try:
        leaf = leaf_of(proof.sequence, proof.time_us, proof.kind, proof.actor, proof.commitment)
        held = includes(leaf, proof.sequence - 1, head.size, _hashes(proof.path), bytes.fromhex(head.root))
        opening = proof.opening
        opens = opening is None or commitment_of(opening.salt, opening.subject, opening.body) == proof.commitment
    except (ValueError, StormwatchError) as error:
        raise IntegrityError(f"the proof holds what is no hash: {error}") from error
    if not held:
        raise IntegrityError(f"the path does not lead from entry {proof.sequence} to the head of {head.size}")
    if not opens:
        raise IntegrityError("what the entry is said to say is not what it committed to")
    said = "" if proof.opening is None else f", and says {proof.opening.body} of {proof.opening.subject}"
    return f"entry {proof.sequence} ({proof.kind}) is among the {head.size} of the checkpoint of {head.time}{said}"


def _consistency(proof: ConsistencyFile) -> str:
    first, second = proof.first, proof.second
    try:
        roots = bytes.fromhex(first.root), bytes.fromhex(second.root)
        held = continues(first.size, roots[0], second.size, roots[1], _hashes(proof.path))
    except ValueError as error:
        raise IntegrityError(f"the proof holds what is no hash: {error}") from error
    if not held:
        raise IntegrityError(f"the log of {second.size} entries does not continue that of {first.size}")
    return f"the log of {second.size} entries ({second.time}) continues that of {first.size} ({first.time})"


def _hashes(path: tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(node) for node in path]
