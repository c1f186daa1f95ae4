"""`stormwatch demo`: February 2024 replayed on a made-up provider in a home of its own, then the console."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.context import session_of
from stormwatch.cli.output import JsonOption, emit, progress_bars
from stormwatch.cli.serve import serve_home
from stormwatch.cli.story.demo_home import fresh_home, keep_tokens
from stormwatch.cli.story.february import Ending, February
from stormwatch.cli.story.narrator import Narrator

_DEFAULT_HOME = Path("demo-home")


def demo(
    ctx: typer.Context,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the story instead of serving.")] = False,
    home: Annotated[Path | None, typer.Option("--home", help="The demo's home; default ./demo-home.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The console's port.")] = 8787,
    as_json: JsonOption = False,
) -> None:
    """Replay February 2024 on a made-up provider; then open the console."""
    narrator = Narrator(quiet_stdout=as_json)
    runtime = fresh_home(home or _named_home(ctx) or _DEFAULT_HOME)
    ctx.call_on_close(runtime.close)
    place = runtime.settings.home
    narrator.shout(
        "THIS WORLD IS MADE UP. No account, person, firm or campaign in it exists.",
        "The story is that of February 2024; the traffic is invented, and so are the odds'",
        "calibration (simulated worlds) and the analyst's scripted judgement.",
    )
    with progress_bars() as progress:
        ending = February(runtime, narrator, progress).play()
    tokens = keep_tokens(place, ending.people.tokens)
    narrator.shout(
        "THIS WORLD WAS MADE UP.",
        f"Console: http://127.0.0.1:{port}/" + (f"  (start it: stormwatch --home {place} serve)" if no_serve else ""),
        f"Log in with a token from {tokens} (readable by you alone), as anna the analyst or amir the approver.",
        "The queue shows what waits; 'Show settled cases too' shows the rest.",
        f"Bundle: {ending.bundle}",
        f"Report: {ending.report / 'report.html'}",
    )
    emit(_payload(place, tokens, ending), "The demo is over.", as_json=as_json)
    if not no_serve:
        serve_home(runtime, "127.0.0.1", port)


def _named_home(ctx: typer.Context) -> Path | None:
    """The home that `stormwatch --home` or STORMWATCH_HOME names; None when nobody named one."""
    source = ctx.find_root().get_parameter_source("home")
    return None if source is None or source.name == "DEFAULT" else session_of(ctx).home


def _payload(place: Path, tokens: Path, ending: Ending) -> dict[str, object]:
    return {
        "home": str(place),
        "tokens": str(tokens),
        "cases_acted": [case.case_id for case in ending.acted],
        "cases_cleared": [case.case_id for case in ending.cleared],
        "accounts_suspended": ending.score.suspended,
        "found_by_linking_alone": ending.linked_only.account_id,
        "bundle": str(ending.bundle),
        "report": str(ending.report),
        "planted_found": ending.score.found.total(),
        "planted": ending.score.planted.total(),
        "false_accusations": ending.score.false_accusations.total(),
    }
