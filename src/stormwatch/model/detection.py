"""What a detection in the lake may be of: the kinds of thing that fire."""

from __future__ import annotations

from enum import StrEnum


class DetectionKind(StrEnum):
    """What fired: a rule, a correlation, an indicator (also one pasted in text), a detector, or a judge."""

    RULE = "rule"
    CORRELATION = "correlation"
    INDICATOR = "indicator"
    ARTEFACT = "artefact"
    JUDGE = "judge"
    DETECTOR = "detector"
