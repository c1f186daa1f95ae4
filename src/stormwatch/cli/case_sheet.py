"""An evidence file as a sheet of text for the terminal, each piece of evidence beside its innocent explanation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stormwatch.cases.evidence_file import AccountEntry, EvidenceFile
from stormwatch.cases.queue import HistoryEntry, Note
from stormwatch.cases.requests import RedactedRequest
from stormwatch.model.case import Action
from stormwatch.model.evidence import Evidence
from stormwatch.model.times import format_rfc3339

_LINKS_SHOWN = 10


def case_sheet(
    file: EvidenceFile,
    requests: Sequence[RedactedRequest],
    notes: Sequence[Note],
    history: Sequence[HistoryEntry],
    actions: Sequence[Action],
) -> str:
    """The whole sheet; who wrote it must escape control characters before printing it (`cli.output.emit` does)."""
    case = file.case
    lines = [f"{case.case_id}  {case.state.value}", case.title, f"Evidence hash: {file.digest}", ""]
    for heading in ("actor", "behaviour", "completions", "impact"):
        lines += [f"{heading.capitalize()}: {' '.join(getattr(file.sections, heading))}"]
    lines += ["", "Hypotheses, the first-ranked first:"]
    lines += [f"  {hypothesis.hypothesis} ({hypothesis.kind.value})" for hypothesis in file.hypotheses] or ["  none"]
    lines += ["", "Innocent explanations to be answered:", *_alternatives(file)]
    for entry in file.accounts:
        lines += ["", *_account(entry)]
    if file.cluster_evidence:
        lines += [
            "",
            "About the accounts together",
            *(line for piece in file.cluster_evidence for line in _piece(piece)),
        ]
    lines += _block("Links", _links(file))
    lines += _block("Requests (texts stay closed; `stormwatch reveal` opens some)", map(_request, requests))
    lines += _block("Actions", map(_action, actions))
    lines += _block("Notes", (f"{format_rfc3339(note.time_us)} {note.by}: {note.text}" for note in notes))
    lines += _block("History", (_step(step) for step in history))
    return "\n".join(lines)


def _block(title: str, content: Iterator[str] | Sequence[str]) -> list[str]:
    lines = [f"  {line}" for line in content]
    return ["", title, *lines] if lines else []


def _alternatives(file: EvidenceFile) -> Iterator[str]:
    for alternative in file.alternatives:
        often = "" if alternative.frequency is None else f" (measured in {alternative.frequency:.2%} of accounts)"
        yield f"  {alternative.alternative_id}: {alternative.statement}{often}"
        yield f"    answer: {alternative.answer.answer if alternative.answer else 'none yet'}"


def _account(entry: AccountEntry) -> Iterator[str]:
    flag = "  VERIFIED RESEARCHER" if entry.facts.verified_researcher else ""
    yield f"Account {entry.account_id}: {entry.facts.events:,} requests on {entry.facts.days} day(s){flag}"
    if not entry.evidence:
        yield "  no evidence of its own: it is here by its links"
    for piece in entry.evidence:
        yield from _piece(piece)


def _piece(piece: Evidence) -> Iterator[str]:
    yield f"  {piece.kind} ({piece.weight_bits:+.1f} bits): {piece.summary}"
    often = f"; seen in {piece.innocent_frequency:.2%} of the population"
    yield f"    may be innocent: {piece.innocent_explanation}{often}"


def _links(file: EvidenceFile) -> Iterator[str]:
    for link in file.links[:_LINKS_SHOWN]:
        kinds = ", ".join(f"{part.identifier_kind} ({part.innocent_explanation})" for part in link.evidence)
        yield f"{link.account_id_a} - {link.account_id_b} ({link.match_weight:+.1f} bits): {kinds}"
    if len(file.links) > _LINKS_SHOWN:
        yield f"and {len(file.links) - _LINKS_SHOWN} more"


def _request(request: RedactedRequest) -> str:
    facts = f"{request.prompt_chars:,} characters, {request.script or 'no script'}"
    hits = f", rules {', '.join(request.rules)}" if request.rules else ""
    return f"{request.event_id}  {request.account_id}  {format_rfc3339(request.time_us)}  {facts}{hits}"


def _action(action: Action) -> str:
    steps = [("approved", action.approved_us), ("verified", action.verified_us), ("reversed", action.reversed_us)]
    dated = ", ".join(f"{name} {format_rfc3339(at)}" for name, at in steps if at is not None)
    return f"{action.action_id}  {action.kind.value}  {action.account_id}  {dated}"


def _step(step: HistoryEntry) -> str:
    before = f"{step.from_state.value} to " if step.from_state else ""
    return f"{format_rfc3339(step.time_us)} {step.by}: {before}{step.to_state.value} ({step.reason})"
