"""What people add to the figures (summary, responses, dissents, corrections), read from one YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import yaml

from stormwatch.attribution.estimative_language import faults
from stormwatch.model.errors import InvalidInput
from stormwatch.reports.plain_text import plain
from stormwatch.reports.report import Statement


class Statements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The editable part of a report; everything is optional."""

    summary: str = ""
    blind_spots: tuple[str, ...] = ()
    responses: tuple[Statement, ...] = ()
    dissents: tuple[Statement, ...] = ()
    corrections: tuple[Statement, ...] = ()


def read_statements(path: Path | None) -> Statements:
    """Reads the file (none: nothing to add); InvalidInput says which field is wrong."""
    if path is None:
        return Statements()
    remedy = "see docs/report.md for its fields"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        statements = msgspec.convert(_cleaned(content or {}), type=Statements, strict=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the statements cannot be read: {error}", where=str(path)) from error
    except yaml.YAMLError as error:
        raise InvalidInput(f"this is no YAML: {error}", where=str(path), remedy=remedy) from error
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the statements have another form: {error}", where=str(path), remedy=remedy) from error
    _refuse_faults(statements, path)
    return statements


def _refuse_faults(statements: Statements, path: Path) -> None:
    """Analysts keep to ICD 203; an accused party's response is its own words, and nobody's to refuse."""
    for field, text in _own_words(statements):
        for found in faults(text):
            raise InvalidInput(
                f"{found.told()} (ICD 203)",
                where=f"{path}, {field}",
                remedy="say how likely it is in one sentence and how sure the ground is in another",
            )


def _own_words(statements: Statements) -> Iterator[tuple[str, str]]:
    yield "summary", statements.summary
    yield from ((f"blind_spots[{number}]", text) for number, text in enumerate(statements.blind_spots))
    for field in ("dissents", "corrections"):
        said: tuple[Statement, ...] = getattr(statements, field)
        yield from ((f"{field}[{number}].text", one.text) for number, one in enumerate(said))


def _cleaned(value: object) -> object:
    """The same content with every string made plain; dates, which YAML reads as such, are strings again."""
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return plain(value) if isinstance(value, str) else value
