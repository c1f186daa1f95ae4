"""MISP tags and galaxy clusters into marking, grade, confidence, retention and actor names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from stormwatch.intel.leads import CONFIDENCE_OF_CREDIBILITY
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade
from stormwatch.stix.markings import strictness

_RELIABILITY: Final = re.compile(r'admiralty-scale:source-reliability="([a-f])"')
_CREDIBILITY: Final = re.compile(r'admiralty-scale:information-credibility="([1-6])"')
_GALAXY: Final = re.compile(r'misp-galaxy:([a-z0-9-]+)="(.{1,200})"')
# The galaxies made from ATT&CK write the group's id after its name.
_GROUP_ID: Final = re.compile(r"\s+-\s+G\d{4}$")
_PAP_ORDER: Final = (PAP.CLEAR, PAP.GREEN, PAP.AMBER, PAP.RED)
_WHITE: Final = "white"
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Said:
    """What tags say; None or nothing where they are silent. `retention_days` of 0 means expired."""

    tlp: TLP | None = None
    pap: PAP | None = None
    reliability: str | None = None
    credibility: int | None = None
    confidence: int | None = None
    retention_days: int | None = None
    false_positive: bool = False
    actors: tuple[str, ...] = ()

    @property
    def grade(self) -> AdmiraltyGrade | None:
        """The Admiralty grade; what only one of the two scales says is F or 6 on the other."""
        if self.reliability is None and self.credibility is None:
            return None
        return AdmiraltyGrade(self.reliability or "F", self.credibility or 6)

    @property
    def belief(self) -> int | None:
        """Confidence, 0 to 100: as stated, else from the credibility."""
        return self.confidence if self.confidence is not None else CONFIDENCE_OF_CREDIBILITY.get(self.credibility or 6)

    def within(self, event: Said) -> Said:
        """What holds for an attribute of an event: the stricter marking, its own judgement before the event's."""
        tlp = [level for level in (self.tlp, event.tlp) if level is not None]
        pap = [level for level in (self.pap, event.pap) if level is not None]
        own_judgement = self.confidence is not None or self.credibility is not None
        return Said(
            tlp=max(tlp, key=strictness, default=None),
            pap=max(pap, key=_PAP_ORDER.index, default=None),
            reliability=self.reliability or event.reliability,
            credibility=self.credibility or event.credibility,
            confidence=self.confidence if own_judgement else event.confidence,
            retention_days=self.retention_days if self.retention_days is not None else event.retention_days,
            false_positive=self.false_positive or event.false_positive,
            actors=tuple(dict.fromkeys((*self.actors, *event.actors))),
        )


def said_by(raw: Mapping[str, Any]) -> Said:
    """What the tags and galaxies of an event or attribute say."""
    names = list(_tag_names(raw))
    known = _known()
    lowered = [name.lower() for name in names]
    tlp = [level for name in lowered if (level := _tlp(name)) is not None]
    pap = [PAP(name[4:]) for name in lowered if name.startswith("pap:") and name[4:] in set(PAP)]
    pap += [PAP.CLEAR for name in lowered if name == f"pap:{_WHITE}"]
    retention = [known.retention[name] for name in lowered if name in known.retention]
    return Said(
        tlp=max(tlp, key=strictness, default=None),
        pap=max(pap, key=_PAP_ORDER.index, default=None),
        reliability=next((found[1].upper() for name in lowered if (found := _RELIABILITY.fullmatch(name))), None),
        credibility=next((int(found[1]) for name in lowered if (found := _CREDIBILITY.fullmatch(name))), None),
        confidence=next((known.confidence[name] for name in lowered if name in known.confidence), None),
        retention_days=min(retention, default=None),
        false_positive=any(name in known.wrong for name in lowered),
        actors=tuple(dict.fromkeys((*_clusters(raw), *_galaxy_tags(names)))),
    )


def _tag_names(raw: Mapping[str, Any]) -> Iterator[str]:
    tags = raw.get("Tag")
    for tag in tags if isinstance(tags, list) else ():
        name = tag.get("name") if isinstance(tag, dict) else None
        if isinstance(name, str):
            yield name.strip()


def _tlp(name: str) -> TLP | None:
    word = name.removeprefix("tlp:") if name.startswith("tlp:") else ""
    if word == _WHITE:
        return TLP.CLEAR
    return TLP(word) if word in set(TLP) else None


def _galaxy_tags(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        found = _GALAXY.fullmatch(name)
        if found is not None and found[1] in _known().actor_galaxies:
            yield from _actor(found[2])


def _clusters(raw: Mapping[str, Any]) -> Iterator[str]:
    galaxies = raw.get("Galaxy")
    for galaxy in galaxies if isinstance(galaxies, list) else ():
        clusters = galaxy.get("GalaxyCluster") if isinstance(galaxy, dict) else None
        for cluster in clusters if isinstance(clusters, list) else ():
            if isinstance(cluster, dict) and (cluster.get("type") or galaxy.get("type")) in _known().actor_galaxies:
                yield from _actor(cluster.get("value"))


def _actor(value: object) -> Iterator[str]:
    name = _GROUP_ID.sub("", " ".join(value.split())) if isinstance(value, str) else ""
    if name and name.isprintable() and len(name) <= _MAX_NAME:
        yield name


@dataclass(frozen=True, slots=True)
class _Known:
    confidence: Mapping[str, int | None]
    retention: Mapping[str, int]
    wrong: frozenset[str]
    actor_galaxies: frozenset[object]


@cache
def _known() -> _Known:
    text = resources.files(__package__).joinpath("data", "misp-tags.yaml").read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    return _Known(read["confidence"], read["retention"], frozenset(read["wrong"]), frozenset(read["actor_galaxies"]))
