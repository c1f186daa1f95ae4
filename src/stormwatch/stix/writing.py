"""STIX 2.1 objects with ids derived from what they stand for, each marked with one TLP level."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stormwatch.model.intel import TLP
from stormwatch.model.times import format_rfc3339
from stormwatch.stix.markings import marking_definition, marking_id

StixObject = dict[str, Any]

# STIX 2.1 section 2.9: the namespace of deterministic ids of cyber-observable objects.
_SCO_NAMESPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
# Objects that stand for a word (an actor, a technique) and not for a finding carry the time of the vocabulary.
VOCABULARY_US: Final = 1_767_225_600_000_000  # 2026-01-01


def stix_id(kind: str, *parts: str) -> str:
    """The id of an object of this type that stands for these parts, the same in every bundle.

    Its bits are a hash, in the form of a version 4 UUID because STIX 2.1 (section 2.9) asks for that form.
    """
    digest = hashlib.sha256(json.dumps(["stormwatch", kind, *parts]).encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


@dataclass(frozen=True, slots=True)
class StixWriter:
    """Makes objects by one author under one marking; times in microseconds."""

    author: str
    tlp: TLP
    modified_us: int
    _made: dict[str, StixObject] = field(default_factory=dict)

    @property
    def author_id(self) -> str:
        """The id of the author's identity object."""
        return stix_id("identity", self.author)

    def identity(self, sectors: Sequence[str]) -> StixObject:
        """The author."""
        body = {"name": self.author, "identity_class": "organization", "sectors": list(sectors)}
        return self._keep(self._base("identity", self.author_id, VOCABULARY_US, VOCABULARY_US), body)

    def thing(self, kind: str, parts: Sequence[str], body: Mapping[str, Any], created_us: int) -> StixObject:
        """A domain object that stands for `parts`, made at `created_us` and stated anew now."""
        base = self._base(kind, stix_id(kind, self.author, *parts), created_us, max(created_us, self.modified_us))
        return self._keep({**base, "created_by_ref": self.author_id}, body)

    def word(self, kind: str, parts: Sequence[str], body: Mapping[str, Any]) -> StixObject:
        """A domain object that stands for a word of a vocabulary, the same in every bundle."""
        base = self._base(kind, stix_id(kind, *parts), VOCABULARY_US, VOCABULARY_US)
        return self._keep({**base, "created_by_ref": self.author_id}, body)

    def relationship(
        self, source: StixObject, kind: str, target: StixObject, created_us: int, body: Mapping[str, Any] | None = None
    ) -> StixObject:
        """`source` is related to `target`."""
        ends = {"relationship_type": kind, "source_ref": source["id"], "target_ref": target["id"]}
        return self.thing("relationship", (source["id"], kind, target["id"]), {**ends, **(body or {})}, created_us)

    def observable(self, kind: str, identifying: Mapping[str, str], body: Mapping[str, Any]) -> StixObject:
        """A cyber-observable object; its id follows from its identifying properties, as the standard says."""
        canonical = json.dumps(identifying, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        base = {
            "type": kind,
            "spec_version": "2.1",
            "id": f"{kind}--{uuid.uuid5(_SCO_NAMESPACE, canonical)}",
            "object_marking_refs": [marking_id(self.tlp)],
        }
        return self._keep(base, {**identifying, **body})

    def bundle(self, *parts: str) -> StixObject:
        """Everything made so far, with its marking first."""
        return {
            "type": "bundle",
            "id": stix_id("bundle", self.author, str(self.modified_us), *parts),
            "objects": [marking_definition(self.tlp), *self._made.values()],
        }

    def _base(self, kind: str, object_id: str, created_us: int, modified_us: int) -> StixObject:
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": object_id,
            "created": format_rfc3339(created_us // 1000 * 1000),
            "modified": format_rfc3339(modified_us // 1000 * 1000),
            "object_marking_refs": [marking_id(self.tlp)],
        }

    def _keep(self, base: StixObject, body: Mapping[str, Any]) -> StixObject:
        made = {**base, **{name: value for name, value in body.items() if value is not None and value != []}}
        self._made[made["id"]] = made
        return made
