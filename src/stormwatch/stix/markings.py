"""TLP 2.0 between our levels and STIX marking definitions (OASIS extension), and which level allows which audience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stormwatch.model.intel import TLP

# OASIS "TLP 2.0 marking definition" extension and the fixed objects it defines.
TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_CREATED: Final = "2022-10-01T00:00:00.000Z"
_IDS: Final = {
    TLP.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    TLP.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    TLP.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    TLP.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    TLP.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
# STIX 2.1 section 7.2.1.4: the fixed TLP 1 objects, read as the TLP 2.0 level that FIRST gives for them.
_TLP_1: Final = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": TLP.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": TLP.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": TLP.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": TLP.RED,
}
_TLP_1_WORDS: Final = {"white": TLP.CLEAR, **{level.value: level for level in TLP}}
KNOWN_MARKINGS: Final[Mapping[str, TLP]] = {**{marking: level for level, marking in _IDS.items()}, **_TLP_1}

_ORDER: Final = (TLP.CLEAR, TLP.GREEN, TLP.AMBER, TLP.AMBER_STRICT, TLP.RED)


def strictness(level: TLP) -> int:
    """0 for CLEAR to 4 for RED; a thing may pass into a bundle whose level is at least as strict."""
    return _ORDER.index(level)


def may_pass(level: TLP, into: TLP) -> bool:
    """Whether an object marked `level` may go to the audience of a bundle marked `into`."""
    return strictness(level) <= strictness(into)


def marking_id(level: TLP) -> str:
    """The id of the fixed marking definition of a level."""
    return _IDS[level]


def marking_definition(level: TLP) -> dict[str, Any]:
    """The fixed STIX 2.1 object of a level."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _IDS[level],
        "created": _CREATED,
        "name": f"TLP:{level.value.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level.value}},
    }


def level_of_definition(definition: Mapping[str, Any]) -> TLP | None:
    """The TLP level that a marking definition states, None when it states something else (a licence, a statement)."""
    known = KNOWN_MARKINGS.get(str(definition.get("id")))
    if known is not None:
        return known
    extensions = definition.get("extensions")
    extension = extensions.get(TLP_EXTENSION) if isinstance(extensions, dict) else None
    stated = extension.get("tlp_2_0") if isinstance(extension, dict) else None
    if stated is None and definition.get("definition_type") == "tlp":
        inner = definition.get("definition")
        stated = inner.get("tlp") if isinstance(inner, dict) else None
    return _TLP_1_WORDS.get(stated.lower()) if isinstance(stated, str) else None
