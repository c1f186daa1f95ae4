"""`stormwatch evaluate`: ingests, hunts and scores worlds that carry truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.cli.evaluate_sheet import change_sheet, evaluation_sheet
from stormwatch.cli.output import JsonOption, emit, note, progress_bars
from stormwatch.evaluate.bootstrap import RESAMPLES
from stormwatch.evaluate.comparison import changes, read_earlier
from stormwatch.evaluate.evaluation import evaluate as evaluate_worlds
from stormwatch.model.errors import WrongUsage


def evaluate(
    worlds: Annotated[list[Path], typer.Argument(metavar="WORLD...", help="Folders as `simulate` writes them.")],
    home: Annotated[Path | None, typer.Option("--home", help="Keep the homes below this folder.")] = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="Hunt again in homes that are there, without ingest.")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="Hunt a copy with other countries and hours, too.")] = False,
    against: Annotated[Path | None, typer.Option("--against", help="An earlier JSON to compare with.")] = None,
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="Draws for the intervals.")] = RESAMPLES,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with curves and tables.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest, hunt and score worlds that carry truth: found, falsely accused, attributed, how fast, at what cost."""
    if reuse and home is None:
        raise WrongUsage("there is nothing to use again", where="--reuse", remedy="name the folder with --home")
    if html is not None and not html.absolute().parent.is_dir():
        raise WrongUsage("there is no such folder", where=f"--html {html}", remedy="name a file in one that exists")
    earlier = read_earlier(against) if against is not None else None
    with progress_bars() as progress:
        found = evaluate_worlds(worlds, home, reuse=reuse, swap=swap, resamples=resamples, progress=progress)
    for card in found.cards:
        if card.cost is not None and card.cost.rejected_records:
            lost = f"{card.cost.rejected_records} records were rejected and are not in the figures"
            note(f"stormwatch: {card.name}: {lost}")
    if html is not None:
        # Here and not above: what draws the charts takes a second to load.
        from stormwatch.evaluate.page import evaluation_page

        html.write_text(evaluation_page(found), encoding="utf-8")
    differing = changes(earlier, found.all_cards) if earlier is not None else None
    # By way of msgspec's JSON, which has null for what is infinite: JSON has no word for it.
    whole = {"worlds": found.cards, "pooled": found.pooled, "changes": differing}
    prose = evaluation_sheet(found) if differing is None else f"{evaluation_sheet(found)}\n{change_sheet(differing)}"
    emit(msgspec.json.decode(msgspec.json.encode(whole)), prose, as_json=as_json)
