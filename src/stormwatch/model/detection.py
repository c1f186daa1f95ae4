"""What a detection in the lake may be of: the kinds of thing that fire."""

from __future__ import annotations

from enum import StrEnum


class DetectionKind(StrEnum):
    """What fired: a content rule, an indicator on the connection or sign-up or pasted in text, or a detector."""

    RULE = "rule"
    INDICATOR = "indicator"
    ARTEFACT = "artefact"
    DETECTOR = "detector"
