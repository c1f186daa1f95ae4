"""Turns view values into pages: Jinja templates with autoescape, every printed text made visible first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from stormwatch.access.sessions import Session
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.console import analysis_words, case_words, lineage_words, wording
from stormwatch.console.case_view import in_groups
from stormwatch.console.plain_text import shortened, shown
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound, StormwatchError, TooManyAttempts
from stormwatch.model.times import span_words

STATIC: Final = Path(__file__).parent / "static"
_STATUS: Final = {TooManyAttempts: 429, InvalidInput: 400, Forbidden: 403, NotFound: 404, Conflict: 409}


def assets_version() -> str:
    """A digest of everything below `static`: part of the addresses, so that browsers keep each until it changes."""
    whole = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        whole.update(file.name.encode() + file.read_bytes())
    return whole.hexdigest()[:12]


def environment() -> Environment:
    """The templates' environment: autoescape always, unknown names are errors."""
    made = Environment(
        loader=PackageLoader("stormwatch.console"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        moment=wording.moment,
        machine_moment=wording.machine_moment,
        left=wording.left,
        day=wording.day,
        weight=wording.weight,
        weight_step=wording.weight_step,
        frequency=wording.frequency,
        link_band=wording.link_band,
        hypothesis_words=hypothesis_words,
        cell_words=analysis_words.cell_words,
        change_words=analysis_words.change_words,
        caution_words=analysis_words.caution_words,
        change_of_version=lineage_words.change_of_version,
        moment_day=wording.moment_day,
        span=span_words,
        share=wording.share,
        technique_name=wording.technique_name,
        shortened=shortened,
        segment=lambda text: quote(str(text), safe=""),
        query=lambda mapping: urlencode({key: value for key, value in mapping.items() if value not in (None, "")}),
    )
    made.globals.update(
        assets=assets_version(),
        likelihood=wording.likelihood,
        link_part=wording.link_part,
        in_groups=in_groups,
        distance=wording.distance,
    )
    made.globals.update(
        source_words=case_words.source_words,
        registry_words=case_words.registry_words,
        apart_words=case_words.apart_words,
    )
    made.globals.update(columns_shown=analysis_words.columns_shown, part_words=analysis_words.PART_WORDS)
    return made


def page(
    request: Request, session: Session | None, template: str, values: Mapping[str, object], *, status: int = 200
) -> HTMLResponse:
    """One page; `session` decides what its head shows and what its forms carry."""
    frame = {
        "root": str(request.scope.get("root_path", "")),
        "session": session,
        "path": request.url.path.removeprefix(str(request.scope.get("root_path", ""))),
        "provider": request.app.state.runtime.settings.provider_name,
    }
    made = cast("Environment", request.app.state.templates)
    return HTMLResponse(made.get_template(template).render({**frame, **values}), status)


def status_of(error: StormwatchError) -> int:
    """The HTTP status of an error that the software explains."""
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
