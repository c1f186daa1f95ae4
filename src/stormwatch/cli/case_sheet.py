"""An evidence file as a sheet of text for the terminal, each piece of evidence beside its innocent explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stormwatch.attribution.analysis import Analysis
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.cases.evidence_file import AccountEntry, EvidenceFile
from stormwatch.cases.queue import HistoryEntry, Note
from stormwatch.cases.requests import RedactedRequest
from stormwatch.cases.routing import Queue
from stormwatch.cases.tasks import Task
from stormwatch.cli.output import lines_of
from stormwatch.console.analysis_words import caution_words
from stormwatch.console.case_words import apart_words, registry_words, source_words
from stormwatch.console.wording import SIMULATED, frequency, likelihood, moment, weight
from stormwatch.model.case import Action
from stormwatch.model.evidence import Evidence

_LINKS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """What stands beside the evidence file: what people did on the case, and what its queue asks first."""

    requests: Sequence[RedactedRequest]
    notes: Sequence[Note]
    history: Sequence[HistoryEntry]
    actions: Sequence[Action]
    tasks: Sequence[Task]
    queue: Queue | None = None
    analysis: Analysis | None = None


def case_sheet(file: EvidenceFile, record: CaseRecord, names: Mapping[str, str]) -> str:
    """The whole sheet, likelihoods and weights in words; `names` are those of people by their ids.

    Who prints it must escape control characters before (`cli.output.emit` does).
    """
    case = file.case
    lines = [f"{case.case_id}  {case.state.value}", case.title, *_place(file, record, names)]
    lines += [f"Evidence hash: {file.digest}", ""]
    for heading in ("actor", "behaviour", "completions", "impact"):
        lines += [f"{heading.capitalize()}: {' '.join(getattr(file.sections, heading))}"]
    lines += ["", "Hypotheses, the first-ranked first:", *(_hypotheses(file) or ["  none"])]
    lines += _doubts(record.analysis, case.case_id) if record.analysis else []
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
    lines += _block("Requests (texts stay closed; `stormwatch reveal` opens some)", map(_request, record.requests))
    lines += _block("Actions", map(_action, record.actions))
    lines += _block("Tasks", (_task(each, names) for each in record.tasks))
    lines += _block(
        "Notes", (f"{moment(note.time_us)} {names.get(note.by, note.by)}: {note.text}" for note in record.notes)
    )
    lines += _block("History", (_step(step, names) for step in record.history))
    return lines_of(lines)


def _place(file: EvidenceFile, record: CaseRecord, names: Mapping[str, str]) -> Iterator[str]:
    """Where the case waits, for whom and what for, and what the registry of researchers says of its accounts."""
    case = file.case
    due = f", due {moment(case.due_us)}" if case.due_us else ""
    holder = f"held by {names.get(case.assignee, case.assignee)}" if case.assignee else "held by nobody"
    yield f"Queue {case.queue}{due}; {holder}; version {case.version}"
    if record.queue and record.queue.first_action:
        yield f"First: {record.queue.first_action}"
    yield registry_words(file)
    if file.assessed_apart:
        yield apart_words(file)
    for words, other in (("Merged into", case.merged_into), ("Split from", case.split_from)):
        if other:
            yield f"{words} {other}"


def _task(task: Task, names: Mapping[str, str]) -> str:
    whose = f" for {names.get(task.assignee, task.assignee)}" if task.assignee else ""
    due = f", due {moment(task.due_us)}" if task.due_us and task.outcome is None else ""
    remark = f" ({task.remark})" if task.remark else ""
    return f"{task.task_id}  {task.outcome.value if task.outcome else 'open'}{whose}{due}: {task.title}{remark}"


def _block(title: str, content: Iterator[str] | Sequence[str]) -> list[str]:
    lines = [f"  {line}" for line in content]
    return ["", title, *lines] if lines else []


def _hypotheses(file: EvidenceFile) -> list[str]:
    ground = file.calibrated_on or SIMULATED
    told = [(hypothesis_words(one.hypothesis), likelihood(one.probability, ground)) for one in file.hypotheses]
    width = max((len(words) for words, _ in told), default=0)
    return [f"  {words:{width}}  {how_likely}" for words, how_likely in told]


def _doubts(analysis: Analysis, case_id: str) -> list[str]:
    """What a reader of the hypotheses must know beside them, and where the reasons are."""
    names = [f"  {hypothesis_words(one.actor_id)}: {one.told()}" for one in analysis.alias_conflicts]
    lines = [f"  {told}" for told in caution_words(analysis.false_flag)]
    lines += ["  Names that sources draw differently:", *(f"  {line}" for line in names)] if names else []
    return [*lines, f"  Why: stormwatch case attribution {case_id}"]


def _alternatives(file: EvidenceFile) -> Iterator[str]:
    for alternative in file.alternatives:
        often = "" if alternative.frequency is None else f" (shown by {frequency(alternative.frequency)})"
        yield f"  {alternative.alternative_id}: {alternative.statement}{often}"
        yield f"    answer: {alternative.answer.answer if alternative.answer else 'none yet'}"


def _account(entry: AccountEntry) -> Iterator[str]:
    flag = "  VERIFIED RESEARCHER" if entry.facts.verified_researcher else ""
    yield f"Account {entry.account_id}: requests {entry.facts.events:,}, days {entry.facts.days}{flag}"
    if not entry.evidence:
        yield "  no evidence of its own: it is here by its links"
    for piece in entry.evidence:
        yield from _piece(piece)


def _piece(piece: Evidence) -> Iterator[str]:
    yield f"  {piece.kind}, {weight(piece.weight_bits)}: {piece.summary}; source: {source_words(piece)}"
    yield f"    may be innocent: {piece.innocent_explanation}; shown by {frequency(piece.innocent_frequency)}"


def _links(file: EvidenceFile) -> Iterator[str]:
    ground = file.calibrated_on or SIMULATED
    for link in file.links[:_LINKS_SHOWN]:
        kinds = ", ".join(f"{part.identifier_kind} ({part.innocent_explanation})" for part in link.evidence)
        one_operator = likelihood(link.probability, ground)
        yield f"{link.account_id_a} - {link.account_id_b}, one operator is {one_operator}: {kinds}"
    if len(file.links) > _LINKS_SHOWN:
        yield f"and {len(file.links) - _LINKS_SHOWN} more"


def _request(request: RedactedRequest) -> str:
    facts = f"{request.prompt_chars:,} characters, {request.script or 'no script'}"
    hits = f", rules {', '.join(request.rules)}" if request.rules else ""
    return f"{request.event_id}  {request.account_id}  {moment(request.time_us)}  {facts}{hits}"


def _action(action: Action) -> str:
    steps = [("approved", action.approved_us), ("verified", action.verified_us), ("reversed", action.reversed_us)]
    dated = ", ".join(f"{name} {moment(at)}" for name, at in steps if at is not None)
    return f"{action.action_id}  {action.kind.value}  {action.account_id}  {dated}"


def _step(step: HistoryEntry, names: Mapping[str, str]) -> str:
    before = f"{step.from_state.value} to " if step.from_state else ""
    return f"{moment(step.time_us)} {names.get(step.by, step.by)}: {before}{step.to_state.value} ({step.reason})"
