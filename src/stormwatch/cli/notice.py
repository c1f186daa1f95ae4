"""`stormwatch notice`: what people are told, drafts to third parties, and the outbox that notices leave by."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.access.acting import acting_person
from stormwatch.access.permission import require
from stormwatch.actions.notices import drafting
from stormwatch.actions.notices.issuing import issue_again
from stormwatch.actions.notices.languages import load_languages
from stormwatch.actions.notices.notice_file import get_notice, list_notices, words_in
from stormwatch.actions.notices.outbox import send_again, waiting_notices
from stormwatch.actions.notices.wording import with_marks
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note
from stormwatch.model.notice import Notice, NoticeKind, NoticeState, NoticeWords
from stormwatch.model.principal import Role
from stormwatch.model.times import format_rfc3339
from stormwatch.runtime import Runtime

notice = typer.Typer(help="What people are told.", no_args_is_help=True, rich_markup_mode=None)

NoticeArgument = Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id.")]
LanguageOption = Annotated[str, typer.Option("--language", help="See `notice languages`.")]


@notice.command("list")
def show_list(
    ctx: typer.Context,
    state: Annotated[NoticeState | None, typer.Option("--state", help="Only those in this state.")] = None,
    case_id: Annotated[str | None, typer.Option("--case", help="Only those of this case.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List notices, the newest first."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    found = list_notices(runtime.database, state=state, case_id=case_id)
    payload = {"notices": [msgspec.to_builtins(each) for each in found]}
    emit(payload, lines_of(map(_line, found)) or "No notices.", as_json=as_json)


@notice.command("show")
def show(ctx: typer.Context, notice_id: NoticeArgument, as_json: JsonOption = False) -> None:
    """Show one notice with its words, without its one-time code."""
    runtime = runtime_of(ctx)
    found, words = _with_words(runtime, notice_id)
    prose = f"{_line(found)}\ncommitment {found.commitment}\nto: {words.recipient}\n{words.subject}\n\n{words.text}"
    emit({**msgspec.to_builtins(found), "words": msgspec.to_builtins(words)}, prose, as_json=as_json)


@notice.command("issue")
def issue(
    ctx: typer.Context,
    action_id: Annotated[str, typer.Argument(metavar="ACTION", help="An action in effect.")],
    language: LanguageOption,
    as_json: JsonOption = False,
) -> None:
    """Write the statement of reasons on an action once more, in another language; the first was written by itself."""
    runtime = runtime_of(ctx)
    made = issue_again(runtime.desk, person_of(runtime), action_id, language)
    _emit_after_sending(runtime, made.notice_id, as_json=as_json)


@notice.command("draft")
def draft(
    ctx: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case it is about.")],
    kind: Annotated[NoticeKind, typer.Option("--kind", help="key-owner, named-target or host.")],
    to: Annotated[str, typer.Option("--to", help="Whom your mail system shall write to.")] = "",
    account: Annotated[str | None, typer.Option("--account", help="The owner's account, for key-owner.")] = None,
    language: LanguageOption = "en",
    detail: Annotated[str, typer.Option("--detail", help="A sentence of your own in it.")] = "",
    about: Annotated[list[str] | None, typer.Option("--about", help="What lies with the host; may repeat.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a notice to a third party, as an analyst; an approver lets it leave."""
    runtime = runtime_of(ctx)
    made = drafting.draft(
        runtime.desk,
        person_of(runtime),
        case_id,
        kind,
        recipient=to,
        account_id=account,
        language=language,
        detail=detail,
        about=about or (),
    )
    emit(msgspec.to_builtins(made), f"{made.notice_id} waits for an approver who did not draft it.", as_json=as_json)


@notice.command("approve")
def approve(
    ctx: typer.Context,
    notice_id: NoticeArgument,
    commitment: Annotated[str, typer.Option("--commitment", help="That of the words `notice show` gave you.")],
    as_json: JsonOption = False,
) -> None:
    """Let a draft of somebody else leave, as an approver."""
    runtime = runtime_of(ctx)
    drafting.approve_draft(runtime.desk, person_of(runtime), notice_id, commitment)
    _emit_after_sending(runtime, notice_id, as_json=as_json)


@notice.command("withdraw")
def withdraw(
    ctx: typer.Context,
    notice_id: NoticeArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    as_json: JsonOption = False,
) -> None:
    """Take a draft back for good, as an analyst or approver."""
    runtime = runtime_of(ctx)
    done = drafting.withdraw_draft(runtime.desk, person_of(runtime), notice_id, reason)
    emit(msgspec.to_builtins(done), f"{notice_id} is withdrawn.", as_json=as_json)


@notice.command("send")
def send(
    ctx: typer.Context,
    again: Annotated[str | None, typer.Option("--again", metavar="NOTICE", help="One that nobody took.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write what people are owed and hand it over now, as `serve` does all the time."""
    runtime = runtime_of(ctx)
    require(person_of(runtime), Role.ANALYST, Role.APPROVER)
    if again is not None:
        send_again(runtime.desk, again)
    report = runtime.send_notices(all_waiting=True)
    for failure in report.failures:
        note(f"not taken, will be tried again: {failure}")
    waiting = waiting_notices(runtime.database)
    emit(
        {"sent": report.sent, "waiting": waiting}, f"Notices sent: {report.sent}; waiting: {waiting}.", as_json=as_json
    )


@notice.command("languages")
def languages(as_json: JsonOption = False) -> None:
    """List the languages that notices are written in."""
    known = load_languages()
    payload = {"languages": [{"code": each.code, "name": each.name} for each in known.values()]}
    emit(payload, lines_of(f"{each.code}  {each.name}" for each in known.values()), as_json=as_json)


def _emit_after_sending(runtime: Runtime, notice_id: str, *, as_json: bool) -> None:
    for failure in runtime.send_notices().failures:
        note(f"not taken, will be tried again: {failure}")
    found = get_notice(runtime.database, notice_id)
    emit(msgspec.to_builtins(found), f"{notice_id} is {found.state.value}.", as_json=as_json)


def _with_words(runtime: Runtime, notice_id: str) -> tuple[Notice, NoticeWords]:
    """Only those who work on cases read what is told to whom."""
    person = person_of(runtime)
    with runtime.database.read() as connection:
        acting_person(connection, person, Role.ANALYST, Role.APPROVER)
        words = words_in(connection, runtime.keyring, notice_id)
    return get_notice(runtime.database, notice_id), with_marks(words, "[one-time code]", "[deadline]")


def _line(found: Notice) -> str:
    about = found.account_id or ""
    made = format_rfc3339(found.made_us)
    return f"{found.notice_id}  {found.state.value:9}  {found.kind.value:20}  {found.language}  {made}  {about}"
