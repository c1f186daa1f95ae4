"""NOVA rules to rules of our own form: written where they can be run, refused with the reason where they cannot."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from stormwatch.detections.nova.nova import LARGEST_FILE, Keyword, NovaProblem, NovaRule, read_nova
from stormwatch.detections.nova.nova_conditions import (
    Joined,
    Reduced,
    Seen,
    names_in,
    reduce_condition,
    sigma_condition,
)
from stormwatch.detections.rulebook.pattern_scans import compile_fault
from stormwatch.detections.rulebook.rules import read_pack
from stormwatch.detections.sigma.regex_shape import LARGEST_GAP
from stormwatch.model.errors import InvalidInput

_NAMESPACE: Final = uuid.UUID("5c1b1f3e-6f0e-4a53-9d0c-2b6a3f7f4f10")
_LEVELS: Final = {"info": "informational", "informational": "informational"} | {
    name: name for name in ("low", "medium", "high", "critical")
}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# An escape, a class, an unbounded repeat, or any other character.
_REGEX_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+),\}|[*+]|.", re.DOTALL)
_WITHOUT_MODEL: Final = "no model is configured to judge them"


@dataclass(frozen=True, slots=True)
class ImportedRule:
    """What became of one NOVA rule. `written` is its new file, None when it was refused for `reason`.

    `left_out` names the parts that need a model; `notes` what else differs from the original.
    """

    name: str
    where: str
    written: Path | None
    reason: str | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def import_nova(paths: Sequence[Path], output: Path, tags: Sequence[str]) -> tuple[ImportedRule, ...]:
    """Reads NOVA files and writes one rule file for each rule that can be run, in shadow, below `output`."""
    output.mkdir(parents=True, exist_ok=True)
    return tuple(result for path in paths for result in _import_file(path, output, tags))


def _import_file(path: Path, output: Path, tags: Sequence[str]) -> Iterator[ImportedRule]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidInput("the file is too long for rules", where=str(path), remedy="name a .nov file")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the file cannot be read: {error}", where=str(path), remedy="name a .nov file") from error
    found = False
    for item in read_nova(path, text):
        found = True
        if isinstance(item, NovaProblem):
            yield ImportedRule("", f"{path}:{item.line}", None, item.what)
        else:
            yield _import_rule(item, output, tags)
    if not found:
        yield ImportedRule("", str(path), None, "the file holds no rule")


def _import_rule(rule: NovaRule, output: Path, tags: Sequence[str]) -> ImportedRule:
    where = f"{rule.path}:{rule.line}"
    try:
        reduced = reduce_condition(rule)
        if isinstance(reduced.node, bool):
            return ImportedRule(rule.name, where, None, _senseless(reduced), reduced.left_out)
        document, notes = _document(rule, reduced, reduced.node, tags)
    except NovaProblem as problem:
        return ImportedRule(rule.name, f"{rule.path}:{problem.line}", None, problem.what)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    fault = _fault(text)
    if fault:
        return ImportedRule(rule.name, where, None, fault, reduced.left_out, notes)
    path = output / f"{re.sub(r'[^a-z0-9]+', '-', rule.name.lower()).strip('-') or 'rule'}.yml"
    if path.exists() and f"id: {document['id']}" not in path.read_text(encoding="utf-8"):
        return ImportedRule(rule.name, where, None, f"{path} is the file of another rule", reduced.left_out, notes)
    path.write_text(text, encoding="utf-8")
    return ImportedRule(rule.name, where, path, None, reduced.left_out, notes)


def _senseless(reduced: Reduced) -> str:
    ends = "it would fire on every prompt" if reduced.node else "it could never fire"
    if reduced.left_out:
        return f"without {', '.join(reduced.left_out)} {ends}, and {_WITHOUT_MODEL}"
    return ends


def _document(
    rule: NovaRule, reduced: Reduced, node: Seen | Joined, tags: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    notes: list[str] = []
    if reduced.guards:
        kept = ", ".join(reduced.guards)
        notes.append(f"broader than the original: {kept} kept hits away, and {_WITHOUT_MODEL}")
    detection: dict[str, Any] = {}
    for name in dict.fromkeys(names_in(node)):
        key, value, note = _selection(rule.keywords[name])
        detection[f"kw_{name}"] = {key: value}
        if note:
            notes.append(f"${name}: {note}")
    detection["condition"] = sigma_condition(node)
    meta = rule.meta
    date = meta.get("date", "")
    document: dict[str, Any] = {
        "title": rule.name,
        "id": _id(rule),
        "status": "experimental",
        "description": meta.get("description") or f"Imported from the NOVA rule {rule.name}.",
        "references": [link for key in ("reference", "url") if (link := meta.get(key))] or [f"NOVA rule {rule.name}"],
        "author": meta.get("author") or "unknown",
        **({"date": date} if _DATE.fullmatch(date) else {}),
        "tags": [*tags] or [f"nova.{_slug(meta.get('category') or rule.name)}"],
        "logsource": {"category": "llm"},
        "detection": detection,
        "falsepositives": ["Not known: imported from a NOVA rule and not yet tried on this population"],
        "level": _LEVELS.get(meta.get("severity", "").lower(), "low"),
        "shadow": True,
    }
    return document, tuple(notes)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "rule"


def _id(rule: NovaRule) -> str:
    try:
        return str(uuid.UUID(rule.meta.get("uuid", "")))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, f"{rule.meta.get('author', '')}/{rule.name}"))


def _selection(keyword: Keyword) -> tuple[str, str, str | None]:
    if not keyword.regex:
        plain = re.sub(r"([*?\\])", r"\\\1", keyword.text)
        return ("prompt|contains|cased" if keyword.cased else "prompt|contains"), plain, None
    source, caseless = keyword.text, not keyword.cased
    if source.startswith("(?i)"):
        source, caseless = source.removeprefix("(?i)"), True
    bounded = "".join(_bounded(match) for match in _REGEX_TOKEN.finditer(source))
    note = None if bounded == source else f"repeats without an end now end at {LARGEST_GAP}"
    return ("prompt|re|i" if caseless else "prompt|re"), bounded, note


def _bounded(match: re.Match[str]) -> str:
    part = match[0]
    if part == "*":
        return f"{{0,{LARGEST_GAP}}}"
    if part == "+":
        # A + behind another repeat makes it possessive or is a fault; the rule's own check says so.
        return f"{{1,{LARGEST_GAP}}}"
    return f"{{{match[1]},{max(LARGEST_GAP, int(match[1]))}}}" if match[1] else part


def _fault(text: str) -> str | None:
    """Why the rule that was made cannot be run here; None when it can."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rule.yml"
        path.write_text(text, encoding="utf-8")
        pack = read_pack([path])
    if pack.errors:
        return f"{pack.errors[0].what}; {pack.errors[0].remedy}"
    unsupported = compile_fault(pack.rules[0].patterns)
    return f"the scanner cannot take this rule: {unsupported}" if unsupported else None
