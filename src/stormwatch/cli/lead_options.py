"""What the options of `lead add` say, with a file's own words where an option is left out, as a lead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.lead_material import LeadMaterial, material_of_file
from stormwatch.intel.leads import new_lead_id
from stormwatch.model.errors import WrongUsage
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable
from stormwatch.model.times import DAY, now_us, parse_rfc3339

_UNGRADED = AdmiraltyGrade("F", 6)


@dataclass(frozen=True, slots=True)
class LeadOptions:
    """The options as they were typed; None where one was left out."""

    title: str | None
    source: str | None
    source_kind: SourceKind
    indicators: tuple[str, ...]
    file: Path | None
    grade: str | None
    tlp: TLP | None
    pap: PAP | None
    permitted_use: str
    legal_basis: str
    names_people: bool
    expires: str | None
    actor: str | None
    note: str

    def lead(self) -> Lead:
        """The lead; a file's marking, grade, actor and end hold where no option says otherwise."""
        said = material_of_file(self.file) if self.file is not None else LeadMaterial()
        received = now_us()
        return Lead(
            lead_id=new_lead_id(),
            title=_stated(self.title or said.title, "--title"),
            source=_stated(self.source or said.source, "--source"),
            source_kind=self.source_kind,
            grade=_grade(self.grade) if self.grade is not None else said.grade or _UNGRADED,
            tlp=self.tlp or said.tlp or TLP.AMBER,
            pap=self.pap or said.pap or PAP.AMBER,
            received_us=received,
            expires_us=_expiry(self.expires, received) if self.expires is not None else said.expires_us,
            permitted_use=self.permitted_use,
            actor=self.actor or said.actor,
            observables=tuple(dict.fromkeys((*_observables(self.indicators), *said.observables))),
            note=self.note,
            names_people=self.names_people,
            legal_basis=self.legal_basis,
        )


def _stated(text: str | None, option: str) -> str:
    if not text:
        raise typer.BadParameter(f"{option} is missing, and no file says it")
    return text


def _grade(text: str) -> AdmiraltyGrade:
    try:
        return AdmiraltyGrade.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _expiry(text: str, received: int) -> int:
    days = text.removesuffix("d")
    if text.endswith("d") and days.isascii() and days.isdigit() and len(days) <= 5:
        return received + int(days) * DAY
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if len(text) == len("2026-01-01") else text)
    except ValueError as error:
        raise typer.BadParameter(f"no time with an offset and no number of days: {text!r}") from error


def _observables(words: tuple[str, ...]) -> list[Observable]:
    found: list[Observable] = []
    for word in words:
        try:
            found.append(parse_observable(word))
        except ValueError as error:
            raise WrongUsage(str(error), where="--indicator", remedy="write for example domain=example.org") from error
    return found
