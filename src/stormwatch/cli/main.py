"""The `stormwatch` command: puts the verbs together and turns explained failures into one sentence and exit 1."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

import stormwatch
from stormwatch.cli.context import Session
from stormwatch.cli.output import note
from stormwatch.model.errors import StormwatchError, WrongUsage
from stormwatch.storage.worker_processes import collect_rarely

# Verb -> (module below stormwatch.cli, attribute). A function becomes a command, a Typer app a group.
COMMANDS = {
    "init": ("init", "init"),
    "user": ("user", "user"),
    "token": ("token", "token"),
    "ingest": ("ingest", "ingest"),
    "quarantine": ("ingest", "quarantine"),
    "mappings": ("mappings", "mappings"),
    "intel": ("intel", "intel"),
    "lead": ("lead", "lead"),
    "rules": ("rules", "rules"),
    "hunt": ("hunt", "hunt"),
    "alert": ("alert", "alert"),
    "lineage": ("lineage", "lineage"),
    "export": ("export", "export"),
    "case": ("case", "case"),
    "act": ("act", "act"),
    "notice": ("notice", "notice"),
    "appeal": ("appeal", "appeal"),
    "reveal": ("reveal", "reveal"),
    "share": ("share", "share"),
    "report": ("report", "report"),
    "audit": ("audit", "audit"),
    "simulate": ("simulate", "simulate"),
    "evaluate": ("evaluate", "evaluate"),
    "demo": ("demo", "demo"),
    "serve": ("serve", "serve"),
    "decide": ("decide", "decide"),
}


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"stormwatch {stormwatch.__version__}\n")
        raise typer.Exit


def main(
    ctx: typer.Context,
    home: Annotated[
        Path, typer.Option("--home", envvar="STORMWATCH_HOME", help="The directory that holds the installation.")
    ] = Path("stormwatch-home"),
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """An open watch floor for those who run language-model services."""
    del version  # its callback has printed it and left
    ctx.obj = Session(home=home)


def command_line(verbs: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these verbs; leaving out those that were not called makes it start quickly."""
    app = typer.Typer(
        name="stormwatch",
        help="Find, attribute, disrupt, share and account for state-affiliated misuse of a language-model service.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(main)
    for verb in verbs:
        module, attribute = COMMANDS[verb]
        part = getattr(importlib.import_module(f"stormwatch.cli.{module}"), attribute)
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=verb)
        else:
            app.command(verb)(part)
    return app


def run() -> None:
    """Entry point: exit 0 on success, 1 on a failure that is explained, 2 on wrong usage."""
    app = command_line(_needed(sys.argv[1:]))
    collect_rarely()
    try:
        app()
    except StormwatchError as error:
        note(f"stormwatch: {error}")
        sys.exit(2 if isinstance(error, WrongUsage) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if not _is_of_the_machine(error):
            raise
        said = str(error).partition("\n")[0]
        note(f"stormwatch: {said}; look to disk, memory and permissions, and restore a damaged file from a backup")
        sys.exit(1)


def _needed(arguments: Sequence[str]) -> Iterable[str]:
    """The verbs without which these arguments cannot be answered."""
    if "--help" in arguments[:1]:
        return COMMANDS
    if "--version" in arguments[:1]:
        return ()
    called = next((argument for argument in arguments if argument in COMMANDS), None)
    return COMMANDS if called is None else [called]


def _is_of_the_machine(error: Exception) -> bool:
    """Whether a failure is that of a file or the memory, which no stage can explain better, and no fault of ours."""
    library = type(error).__module__.lstrip("_").partition(".")[0]
    return isinstance(error, OSError | MemoryError) or library in {"pyarrow", "duckdb"}
