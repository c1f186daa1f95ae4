"""One file of intelligence, of whatever format, into the case database in one transaction, with a report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from stormwatch.intel.actor_catalogue import ImportedFile
from stormwatch.intel.catalogues import import_attack, import_galaxy, import_microsoft_names
from stormwatch.intel.csv_import import CsvDefaults, import_csv
from stormwatch.intel.files import IntelFormat, read_bytes, recognise
from stormwatch.intel.import_report import ImportReport, Tally
from stormwatch.intel.misp_import import import_misp
from stormwatch.intel.shared_infrastructure import SharedKind
from stormwatch.intel.stix_import import StixImport
from stormwatch.intel.techniques import import_atlas
from stormwatch.intel.warninglists import import_warninglist
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.model.times import now_us
from stormwatch.stix.bundles import bundle_of
from stormwatch.storage.database import Database

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class ImportDefaults:
    """What holds where a file says nothing: its source (None: the file's name), its TLP, the kind of a shared list."""

    source: str | None = None
    tlp: TLP = TLP.AMBER
    list_kind: SharedKind | None = None


def import_file(
    database: Database,
    path: Path,
    format: str = AUTO,  # noqa: A002 - the option's name on the command line
    ledger: Ledger | None = None,
    *,
    by: str = SYSTEM,
    defaults: ImportDefaults | None = None,
) -> ImportReport:
    """Takes in one file; the same file again changes nothing. With a ledger the import is recorded there.

    Raises NotFound or InvalidInput, and then nothing of the file is stored.
    """
    content = read_bytes(path)
    known, document = recognise(content, str(path), None if format == AUTO else _format(format))
    tally = Tally()
    file = ImportedFile(path.name, hashlib.sha256(content).hexdigest(), now_us())
    with database.write() as connection:
        _take_in(connection, (known, document), path, file, defaults or ImportDefaults(), tally)
        report = tally.report(path.name, known.value)
        if ledger is not None:
            body: dict[str, str | int] = {
                "format": report.format,
                "sha256": file.sha256,
                "indicators": report.indicators,
                "actors": report.actors,
                "lists": report.lists,
                "skipped": report.skipped,
            }
            ledger.append(connection, "intel.imported", by, report.file, body)
    return report


def _format(name: str) -> IntelFormat:
    try:
        return IntelFormat(name)
    except ValueError as error:
        raise InvalidInput(f"format {name!r} is none of auto, {', '.join(IntelFormat)}", where="--format") from error


def _take_in(
    connection: Connection,
    read: tuple[IntelFormat, Any],
    path: Path,
    file: ImportedFile,
    defaults: ImportDefaults,
    tally: Tally,
) -> None:
    known, document = read
    where, source = str(path), defaults.source or path.name
    match known:
        case IntelFormat.STIX:
            StixImport(connection, bundle_of(document, where), source, defaults.tlp, tally).run()
        case IntelFormat.MISP:
            import_misp(connection, document, path, (source, defaults.tlp), tally)
        case IntelFormat.ATTACK:
            import_attack(connection, bundle_of(document, where), file, tally)
        case IntelFormat.CSV:
            import_csv(connection, document, where, CsvDefaults(source, defaults.tlp), tally)
        case IntelFormat.WARNINGLIST:
            import_warninglist(connection, document, where, defaults.list_kind, tally)
        case IntelFormat.ATLAS:
            import_atlas(connection, document, where, file, tally)
        case IntelFormat.MISP_GALAXY:
            import_galaxy(connection, document, where, file, tally)
        case IntelFormat.MICROSOFT_NAMES:
            import_microsoft_names(connection, document, file, tally)
