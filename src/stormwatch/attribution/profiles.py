"""Profiles of tracked actors: YAML files checked against their schema, read into typed values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator

from stormwatch.config import shipped
from stormwatch.model.errors import InvalidInput

# What no source says and follows from the country: languages and hours alone may rest on it.
INFERRED: Final = "inferred"
_MAY_BE_INFERRED: Final = ("languages", "utc_offsets")


class Reading(StrEnum):
    """How much of a source was read: the whole text, a third party that quotes it, or an excerpt."""

    WHOLE = "whole"
    QUOTED = "quoted"
    EXCERPT = "excerpt"


@dataclass(frozen=True, slots=True)
class ProfileSource:
    """Where facts come from; `published` is a day, a month or a year (ISO 8601)."""

    key: str
    url: str
    published: str
    read: Reading


@dataclass(frozen=True, slots=True)
class ProfileName:
    """A name that a source uses for the actor."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ProfileConflict:
    """A source that draws the line around the actor elsewhere: the entries it has instead, and what it says."""

    meanings: tuple[str, ...]
    source: str
    says: str


@dataclass(frozen=True, slots=True)
class ProfileInfrastructure:
    """Infrastructure that a source ties to the actor: told for the reader, weighs only as an imported indicator."""

    kind: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class ProfileFact:
    """Who says a technique (by its id), or one of the lists `targets`, `topics`, `languages` and `utc_offsets`."""

    fact: str
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A tracked actor (STIX intrusion set): facts with their sources.

    `scripts` are ISO 15924 codes; `country` is None where no source names a state; `habits_inferred` says that
    languages or hours follow from the country and stand in no source. `told_by` names the source of each
    technique and of each list of facts.
    """

    actor_id: str
    title: str
    version: int
    affiliation: str
    country: str | None
    names: tuple[ProfileName, ...]
    conflicts: tuple[ProfileConflict, ...]
    attack_groups: tuple[str, ...]
    targets: frozenset[str]
    topics: frozenset[str]
    techniques: frozenset[str]
    infrastructure: tuple[ProfileInfrastructure, ...]
    scripts: frozenset[str]
    utc_offsets: tuple[float, ...]
    habits_inferred: bool
    sources: tuple[ProfileSource, ...]
    languages: tuple[str, ...]
    told_by: tuple[ProfileFact, ...]


def load_profiles(folders: Iterable[Path]) -> Sequence[Profile]:
    """The profiles of the folders, in the order of ids; InvalidInput gives file and place of what does not fit."""
    schema = shipped("profiles") / "schema.json"
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    profiles: dict[str, Profile] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.yaml")):
        profile = _read(path, validator)
        if profile.actor_id in profiles:
            raise InvalidInput(f"a second profile for {profile.actor_id}", where=str(path), remedy="keep one of them")
        profiles[profile.actor_id] = profile
    return [profiles[actor_id] for actor_id in sorted(profiles)]


def profiles_now(folders: Iterable[Path]) -> Sequence[Profile]:
    """The same for those who ask often: the files are read again only once one of them changed."""
    chosen = tuple(folders)
    files = sorted(path for folder in chosen for path in folder.glob("*.yaml"))
    return _profiles_at(chosen, tuple((str(path), path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _profiles_at(folders: tuple[Path, ...], _stamps: tuple[tuple[str, int], ...]) -> Sequence[Profile]:
    return load_profiles(folders)


def _read(path: Path, validator: Draft202012Validator) -> Profile:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this profile is no YAML: {error}", where=str(path)) from error
    wrong = next(iter(sorted(validator.iter_errors(raw), key=lambda e: e.json_path)), None)
    if wrong is not None:
        raise InvalidInput(f"profile: {wrong.message}", where=f"{path}, {wrong.json_path}", remedy="see schema.json")
    for field, source in _cited(raw):
        if source not in raw["sources"] and not (source == INFERRED and field in _MAY_BE_INFERRED):
            raise InvalidInput(f"source {source} is not under `sources`", where=f"{path}, $.{field}")
    return _profile(raw)


def _cited(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field of facts with the source it names."""
    for field in ("names", "conflicts", "techniques", "infrastructure"):
        yield from ((field, entry["source"]) for entry in raw.get(field, ()))
    for field in ("targets", "topics", *_MAY_BE_INFERRED):
        yield field, raw[field]["source"]


def _profile(raw: Mapping[str, Any]) -> Profile:
    return Profile(
        actor_id=raw["id"],
        title=raw["title"],
        version=raw["version"],
        affiliation=raw["affiliation"],
        country=raw["country"],
        names=tuple(ProfileName(**entry) for entry in raw["names"]),
        conflicts=tuple(
            ProfileConflict(tuple(entry["meanings"]), entry["source"], entry["says"])
            for entry in raw.get("conflicts", ())
        ),
        attack_groups=tuple(raw["attack_groups"]),
        targets=frozenset(raw["targets"]["values"]),
        topics=frozenset(raw["topics"]["values"]),
        techniques=frozenset(entry["id"] for entry in raw["techniques"]),
        infrastructure=tuple(ProfileInfrastructure(**entry) for entry in raw["infrastructure"]),
        scripts=frozenset(raw["languages"]["scripts"]),
        utc_offsets=tuple(raw["utc_offsets"]["values"]),
        habits_inferred=INFERRED in {raw[field]["source"] for field in _MAY_BE_INFERRED},
        sources=tuple(
            ProfileSource(key, entry["url"], entry["published"], Reading(entry["read"]))
            for key, entry in raw["sources"].items()
        ),
        languages=tuple(raw["languages"]["values"]),
        told_by=(
            *(ProfileFact(entry["id"], entry["source"]) for entry in raw["techniques"]),
            *(ProfileFact(name, raw[name]["source"]) for name in ("targets", "topics", *_MAY_BE_INFERRED)),
        ),
    )
