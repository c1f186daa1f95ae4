"""From a built report to a published one: written, checked against the stores, hashed onto the ledger, verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert

from stormwatch.access.acting import acting_person
from stormwatch.access.permission import require
from stormwatch.ledger.canonical import JSON
from stormwatch.ledger.verification import VerifyReport
from stormwatch.model.errors import Conflict, IntegrityError, InvalidInput, NotFound
from stormwatch.model.ids import derived_id
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.reports.building import public_figures
from stormwatch.reports.figures import Period
from stormwatch.reports.published import Publication, list_publications
from stormwatch.reports.render import to_html
from stormwatch.reports.report import Report, from_json, to_json
from stormwatch.reports.sources import Sources
from stormwatch.storage.tables.reports import publications

JSON_NAME: Final = "report.json"
HTML_NAME: Final = "report.html"
PUBLISHED: Final = "report.published"


def write_report(report: Report, directory: Path) -> Mapping[str, Path]:
    """Writes the report's files into a directory (made if need be); gives them by name."""
    contents = {JSON_NAME: to_json(report), HTML_NAME: to_html(report).encode()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (directory / name).write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"the report cannot be written: {error}", where=str(directory)) from error
    return {name: directory / name for name in contents}


def publish_report(sources: Sources, directory: Path, by: Principal) -> Publication:
    """Puts the hashes of a built report on the ledger in a reporter's name.

    Raises Forbidden for any other role, IntegrityError when the files do not belong together, Conflict when the stores
    no longer give these figures or when another published period overlaps this one.
    """
    require(by, Role.REPORTER)
    report = _read(directory)
    _require_page(report, directory)
    _require_current(sources, report)
    hashes = _hashes(directory)
    period = report.period
    published_us = now_us()
    publication_id = derived_id("publication", *sorted(hashes.values()))
    body: dict[str, JSON] = {
        "publication_id": publication_id,
        "from": period.first,
        "to": period.end,
        "files": dict(hashes),
        "figures": {figure.name: sha for figure, sha in zip(report.figures, report.commitments, strict=True)},
    }
    with sources.database.write() as connection:
        person = acting_person(connection, by, Role.REPORTER)
        _require_apart(connection, period, publication_id)
        entry = sources.ledger.append(connection, PUBLISHED, person.person_id, publication_id, body)
        row = {
            "publication_id": publication_id,
            "from_us": period.from_us,
            "to_us": period.to_us,
            "published_us": published_us,
            "published_by": person.person_id,
            "files": dict(hashes),
            "ledger_sequence": entry.sequence,
        }
        connection.execute(insert(publications).values(row))
    return Publication(publication_id, period, published_us, person.person_id, hashes, entry.sequence)


def verify_report(sources: Sources, directory: Path) -> tuple[Publication, VerifyReport]:
    """Checks files against the ledger entry of their publication, and that ledger as a whole.

    Raises NotFound for a report that was never published, IntegrityError when a file differs from what was.
    """
    report = _read(directory)
    hashes = _hashes(directory)
    publication_id = derived_id("publication", *sorted(hashes.values()))
    for entry in sources.ledger.entries(kind=PUBLISHED, subject=publication_id):
        if entry.body.get("files") == dict(hashes):
            found = Publication(publication_id, report.period, entry.time_us, entry.by, hashes, entry.sequence)
            return found, sources.ledger.verify(report.checkpoint)
    raise NotFound(
        "the ledger holds no publication of these files",
        where=str(directory),
        remedy="they were changed since, or never published with `stormwatch report publish`",
    )


def _read(directory: Path) -> Report:
    path = directory / JSON_NAME
    for needed in (path, directory / HTML_NAME):
        if not needed.is_file():
            raise NotFound(
                "there is no report here",
                where=str(needed),
                remedy="give the directory that `stormwatch report build` made",
            )
    return from_json(path.read_bytes(), str(path))


def _require_page(report: Report, directory: Path) -> None:
    """Refuses a page that was not made from the JSON beside it."""
    if (directory / HTML_NAME).read_bytes() != to_html(report).encode():
        raise IntegrityError(
            "the page is not made from the JSON beside it", where=str(directory), remedy="build the report again"
        )


def _require_current(sources: Sources, report: Report) -> None:
    """Refuses figures that the stores do not give (any more), and a checkpoint that is not of this ledger."""
    flaws = sources.ledger.verify(report.checkpoint).flaws
    if flaws:
        raise IntegrityError(f"the ledger does not bear the report out: {flaws[0].explanation}")
    fresh = public_figures(sources, report.period, report.minimum_count, report.checkpoint)
    differing = [new.title for new, old in zip(fresh, report.figures, strict=False) if new != old]
    if differing or len(fresh) != len(report.figures):
        named = f": {', '.join(differing)}" if differing else ""
        raise Conflict(f"the figures are not what the stores give now{named}", remedy="build the report again")


def _require_apart(connection: Connection, period: Period, publication_id: str) -> None:
    """Refuses a period that overlaps a published one, unless it is the same: then it is a correction of that."""
    for earlier in list_publications(connection):
        if earlier.publication_id == publication_id:
            raise Conflict("this report is published already", where=publication_id)
        if earlier.period != period and earlier.period.overlaps(period):
            raise Conflict(
                f"the period overlaps a published one ({earlier.period.first} to {earlier.period.end}), "
                "and the difference of the two would give small counts away",
                remedy="publish a period that begins where that one ends, or exactly that one as a correction",
            )


def _hashes(directory: Path) -> dict[str, str]:
    return {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in (HTML_NAME, JSON_NAME)}
