"""The engines beside which the rule stage is measured: Python re, a google-re2 Set, yara-x, and NOVA in a process."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hyperscan as hs
import re2
import yara_x

from stormwatch.detections.sigma.patterns import Pattern
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.text.normalise import normalise, utf8

Engine = Callable[[str], frozenset[int]]


def re_engine(patterns: Sequence[Pattern]) -> Engine:
    """A loop of Python re: bytes for ASCII patterns, as the scanner reads them, text for the others."""
    narrow = [
        (number, re.compile(source_of(p).encode(), _flags(p))) for number, p in enumerate(patterns) if not is_wide(p)
    ]
    wide = [(number, re.compile(source_of(p), _flags(p))) for number, p in enumerate(patterns) if is_wide(p)]

    def seen(text: str) -> frozenset[int]:
        normal = normalise(text)
        raw = utf8(normal)
        found = [number for number, compiled in narrow if compiled.search(raw)]
        return frozenset(found + [number for number, compiled in wide if compiled.search(normal)])

    return seen


def re2_engine(patterns: Sequence[Pattern]) -> Engine:
    """Two sets of google-re2, one for bytes and one for UTF-8."""
    sets = [_re2_set(patterns, wide=wide) for wide in (False, True)]

    def seen(text: str) -> frozenset[int]:
        raw = utf8(normalise(text))
        return frozenset(numbers[index] for compiled, numbers in sets for index in compiled.Match(raw) or ())

    return seen


def _re2_set(patterns: Sequence[Pattern], *, wide: bool) -> tuple[Any, list[int]]:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if wide else re2.Options.Encoding.LATIN1
    options.max_mem = 1 << 30
    options.log_errors = False
    compiled = re2.Set.SearchSet(options)
    numbers = [number for number, pattern in enumerate(patterns) if is_wide(pattern) is wide]
    for number in numbers:
        flags = "i" if is_caseless(patterns[number]) else ""
        flags += "s" if patterns[number].flags & hs.HS_FLAG_DOTALL else ""
        source = source_of(patterns[number]).replace(r"\Z", r"\z")
        compiled.Add(f"(?{flags}){source}" if flags else source)
    compiled.Compile()
    return compiled, numbers


def yara_patterns(patterns: Sequence[Pattern]) -> frozenset[int]:
    """The numbers of the patterns that yara-x can be given: those in ASCII."""
    return frozenset(number for number, pattern in enumerate(patterns) if source_of(pattern).isascii())


def yara_engine(patterns: Sequence[Pattern]) -> Engine:
    """One yara-x rule a pattern, over the bytes."""
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    for number in sorted(yara_patterns(patterns)):
        source = re.sub(r"(?<!\\)/", r"\\/", source_of(patterns[number])).replace(r"\Z", r"\z")
        flag = "i" if is_caseless(patterns[number]) else ""
        compiler.add_source(f"rule p{number} {{ strings: $a = /{source}/{flag} condition: $a }}")
    scanner = yara_x.Scanner(compiler.build())

    def seen(text: str) -> frozenset[int]:
        found = scanner.scan(utf8(normalise(text)))
        return frozenset(int(rule.identifier[1:]) for rule in found.matching_rules)

    return seen


def nova(python: Path, rules: Sequence[Rule], texts: Sequence[str]) -> tuple[float, list[frozenset[int]]]:
    """Texts a second, and the numbers of the rules of which any pattern was seen in each text."""
    given = {
        "rules": [[(source_of(pattern), is_caseless(pattern)) for pattern in rule.patterns] for rule in rules],
        "texts": list(texts),
    }
    program = Path(__file__).with_name("nova_peer.py")
    done = subprocess.run(
        [str(python), str(program)], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=900
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return float(answer["rate"]), [frozenset(hits) for hits in answer["hits"]]


def is_wide(pattern: Pattern) -> bool:
    """Whether the scanner reads the pattern as Unicode."""
    return bool(pattern.flags & hs.HS_FLAG_UTF8)


def is_caseless(pattern: Pattern) -> bool:
    """Whether case does not matter."""
    return bool(pattern.flags & hs.HS_FLAG_CASELESS)


def source_of(pattern: Pattern) -> str:
    """The expression as the other engines read it."""
    return pattern.expression.replace(r"\z", r"\Z") if pattern.from_wildcards else pattern.source


def _flags(pattern: Pattern) -> int:
    caseless = re.IGNORECASE if is_caseless(pattern) else 0
    return caseless | (re.DOTALL if pattern.flags & hs.HS_FLAG_DOTALL else 0)
