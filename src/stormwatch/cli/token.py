"""`stormwatch token`: makes, lists and revokes the tokens of people and machines."""

from __future__ import annotations

from typing import Annotated

import typer

from stormwatch.access.records import TokenRecord
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.model.principal import Scope
from stormwatch.model.times import DAY, format_rfc3339, now_us, optional_rfc3339

token = typer.Typer(help="Tokens of people and machines.", no_args_is_help=True, rich_markup_mode=None)


@token.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A person (scope person), or what to call the machine.")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="What the token opens; may be given twice.")],
    expires: Annotated[
        int | None, typer.Option("--expires", min=1, max=3650, metavar="DAYS", help="Days until it ends; else never.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print it, this once: a person's for scope person, else a machine's called NAME."""
    runtime = runtime_of(ctx)
    expires_us = None if expires is None else now_us() + expires * DAY
    by = person_of(runtime, confirmed=Scope.PERSON in scope)
    text = runtime.access.create_token(by, name, frozenset(scope), expires_us)
    until = optional_rfc3339(expires_us)
    payload = {"name": name, "scopes": sorted(item.value for item in set(scope)), "expires_time": until, "token": text}
    emit(payload, f"Token of {name}, shown this once: {text}", as_json=as_json)


@token.command("list")
def show(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List all tokens, without their secrets."""
    payloads = [_payload(record) for record in runtime_of(ctx).access.tokens()]
    lines = [_line(payload) for payload in payloads]
    emit({"tokens": payloads}, lines_of(lines) or "No tokens yet.", as_json=as_json)


@token.command("revoke")
def revoke(
    ctx: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN-ID", help="The id that `token list` shows.")],
    as_json: JsonOption = False,
) -> None:
    """Make a token useless at once: one's own, or as an administrator anyone's."""
    runtime = runtime_of(ctx)
    runtime.access.revoke_token(person_of(runtime), token_id)
    emit({"token_id": token_id, "revoked": True}, f"Token {token_id} is revoked.", as_json=as_json)


def _payload(record: TokenRecord) -> dict[str, object]:
    return {
        "token_id": record.token_id,
        "name": record.label if record.person is None else record.person.name,
        "scopes": " ".join(sorted(scope.value for scope in record.scopes)),
        "state": record.state(now_us()),
        "created_time": format_rfc3339(record.created_us),
        "expires_time": optional_rfc3339(record.expires_us),
        "last_used_time": optional_rfc3339(record.last_used_us),
        "revoked_time": optional_rfc3339(record.revoked_us),
    }


def _line(payload: dict[str, object]) -> str:
    times = [name for name in payload if name.endswith("_time") and payload[name] is not None]
    words = [str(payload[name]) for name in ("token_id", "name", "scopes", "state")]
    return "  ".join([*words, *(f"{name.removesuffix('_time').replace('_', ' ')} {payload[name]}" for name in times)])
