"""Profiles of tracked actors: YAML files checked against their schema, read into typed values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from stormwatch.config import shipped
from stormwatch.model.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ProfileName:
    """A name that a source uses for the actor."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A tracked actor (STIX intrusion set): facts with their sources. `scripts` are ISO 15924 codes."""

    actor_id: str
    title: str
    version: int
    affiliation: str
    country: str
    names: tuple[ProfileName, ...]
    attack_groups: tuple[str, ...]
    targets: frozenset[str]
    topics: frozenset[str]
    techniques: frozenset[str]
    scripts: frozenset[str]
    utc_offsets: tuple[float, ...]
    sources: tuple[str, ...]


def load_profiles(folders: Iterable[Path]) -> Sequence[Profile]:
    """The profiles of the folders, in the order of ids; InvalidInput gives file and place of what does not fit."""
    validator = Draft202012Validator(json.loads((shipped("profiles") / "schema.json").read_text(encoding="utf-8")))
    profiles: dict[str, Profile] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.yaml")):
        profile = _read(path, validator)
        if profile.actor_id in profiles:
            raise InvalidInput(f"a second profile for {profile.actor_id}", where=str(path), remedy="keep one of them")
        profiles[profile.actor_id] = profile
    return [profiles[actor_id] for actor_id in sorted(profiles)]


def _read(path: Path, validator: Draft202012Validator) -> Profile:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this profile is no YAML: {error}", where=str(path)) from error
    wrong = next(iter(sorted(validator.iter_errors(raw), key=lambda e: e.json_path)), None)
    if wrong is not None:
        raise InvalidInput(f"profile: {wrong.message}", where=f"{path}, {wrong.json_path}", remedy="see schema.json")
    unsourced = {entry["source"] for entry in (*raw["names"], *raw["techniques"])} - set(raw["sources"])
    if unsourced:
        raise InvalidInput(f"source {sorted(unsourced)[0]} is not under `sources`", where=str(path))
    return Profile(
        actor_id=raw["id"],
        title=raw["title"],
        version=raw["version"],
        affiliation=raw["affiliation"],
        country=raw["country"],
        names=tuple(ProfileName(entry["name"], entry["source"]) for entry in raw["names"]),
        attack_groups=tuple(raw["attack_groups"]),
        targets=frozenset(raw["targets"]["values"]),
        topics=frozenset(raw["topics"]["values"]),
        techniques=frozenset(entry["id"] for entry in raw["techniques"]),
        scripts=frozenset(raw["languages"]["scripts"]),
        utc_offsets=tuple(raw["utc_offsets"]["values"]),
        sources=tuple(raw["sources"].values()),
    )
