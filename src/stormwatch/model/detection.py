"""What a detection in the lake may be of: the kinds of thing that fire."""

from __future__ import annotations

from enum import StrEnum


class DetectionKind(StrEnum):
    """What fired: a rule, a correlation of rules, an indicator on the connection or sign-up, or one pasted in text."""

    RULE = "rule"
    CORRELATION = "correlation"
    INDICATOR = "indicator"
    ARTEFACT = "artefact"
