r"""Rate of the rule stage (normalisation, scan, conditions) beside plain Python `re` and a google-re2 Set, as JSON.

Run `python benchmarks/rule_stage.py [--events N] [--seed N] [--re-events N]`. The text is made up from the seed:
prompts of about 0.9 kB in several scripts, one in fifty built around a sentence from the rules' own test events. All
engines get the same patterns; what they see is compared pattern by pattern on a part of the texts. Left out of the
comparison with re2 are patterns with a word's edge beside letters outside ASCII, where its \b knows ASCII alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import hyperscan as hs
import re2

from stormwatch.config import shipped
from stormwatch.detections.artefacts import ArtefactExtractor
from stormwatch.detections.normalise import NormalText, normalise, utf8
from stormwatch.detections.patterns import Pattern
from stormwatch.detections.rule_tests import read_test_events
from stormwatch.detections.rules import load_rules
from stormwatch.detections.ruleset import RuleSet
from stormwatch.model.event import EventText, Message

CHARACTERS = 900
WORDS = {
    "Latin": "the report about system data model files please write short text for my colleagues which explains "
    "results of the study in plain words server network table column error message build test function string list "
    "number value customer invoice delivery school garden recipe travel music story letter meeting project budget plan",
    "Cyrillic": "пожалуйста напиши короткий текст для моих коллег про отчёт и данные система файл таблица письмо план",
    "Han": "请 写 一段 简短 的 文字 给 同事 介绍 报告 数据 系统 文件 表格 邮件 会议 计划 学校 花园",
    "Arabic": "لطفا یک متن کوتاه برای همکاران درباره گزارش داده سامانه پرونده جدول نامه جلسه برنامه بنویس",
}
SHARES = {"Latin": 80, "Cyrillic": 7, "Han": 7, "Arabic": 6}


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--re-events", type=int, default=300, help="How many texts the slow loop of Python re gets.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rules = load_rules([shipped("rules")])
    ruleset = RuleSet(rules)
    started = time.perf_counter()
    ruleset.patterns_seen("compile")
    compiled = time.perf_counter() - started
    planted = [event.text.prompt for rule in rules for event in read_test_events(rule)[0] if event.must_hit]
    texts = make_texts(options.events, options.seed, [text for text in planted if text])
    few = texts[: options.re_events]
    report = {
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "seed": options.seed,
        "rules": len(rules),
        "patterns": len(ruleset.patterns),
        "mean_bytes": round(sum(len(text.encode()) for text in texts) / len(texts)),
        "database_bytes": ruleset.size_bytes(),
        "compile_seconds": round(compiled, 3),
        "events_per_second": {
            "stormwatch rule stage": rate(stage(ruleset), texts),
            "stormwatch artefact extraction": rate(extraction(), texts),
            "google-re2 Set, patterns alone": rate(re2_engine(ruleset.patterns), texts),
            "python re loop, patterns alone": rate(re_engine(ruleset.patterns), few),
        },
        "agreement": agreement(ruleset, few + [text for text in planted if text]),
        "peak_memory_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    if not report["agreement"]["equal"]:
        sys.exit("the engines do not see the same")


def make_texts(count: int, seed: int, planted: Sequence[str]) -> list[str]:
    """Prompts of about 0.9 kB; every fiftieth holds a sentence that some rule is written for."""
    chance = random.Random(seed)
    scripts = chance.choices(list(SHARES), weights=list(SHARES.values()), k=count)
    texts = []
    for number, script in enumerate(scripts):
        words = WORDS[script].split()
        body: list[str] = []
        while sum(map(len, body)) + len(body) < CHARACTERS:
            body += [*chance.choices(words, k=12), "\n" if chance.random() < 0.2 else "."]
        if number % 50 == 0:
            body.insert(len(body) // 2, f"\n{chance.choice(planted)}\n")
        texts.append(" ".join(body))
    return texts


def rate(work: Callable[[str], Any], texts: Sequence[str]) -> int:
    """Texts a second of processor time on one core."""
    started = time.process_time()
    for text in texts:
        work(text)
    return round(len(texts) / (time.process_time() - started))


def stage(ruleset: RuleSet) -> Callable[[str], Any]:
    """Our whole stage: from an event's text to the rules that hold."""
    return lambda text: ruleset.scan(EventText("event", (Message("user", text),)), {})


def extraction() -> Callable[[str], Any]:
    """Artefacts of the same texts."""
    extractor = ArtefactExtractor()
    return lambda text: extractor.extract(NormalText(normalise(text), "", ""))


def re_engine(patterns: Sequence[Pattern]) -> Callable[[str], frozenset[int]]:
    """A loop of Python re: bytes for ASCII patterns, as the scanner reads them, text for the others."""
    narrow = [
        (number, re.compile(_source(p).encode(), _flags(p))) for number, p in enumerate(patterns) if not is_wide(p)
    ]
    wide = [(number, re.compile(_source(p), _flags(p))) for number, p in enumerate(patterns) if is_wide(p)]

    def seen(text: str) -> frozenset[int]:
        normal = normalise(text)
        raw = utf8(normal)
        found = [number for number, compiled in narrow if compiled.search(raw)]
        return frozenset(found + [number for number, compiled in wide if compiled.search(normal)])

    return seen


def re2_engine(patterns: Sequence[Pattern]) -> Callable[[str], frozenset[int]]:
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
        flags = "i" if patterns[number].flags & hs.HS_FLAG_CASELESS else ""
        flags += "s" if patterns[number].flags & hs.HS_FLAG_DOTALL else ""
        source = _source(patterns[number])
        compiled.Add(f"(?{flags}){source}" if flags else source)
    compiled.Compile()
    return compiled, numbers


def agreement(ruleset: RuleSet, texts: Sequence[str]) -> dict[str, Any]:
    """Whether the engines see the same patterns in the same texts; the first differences are listed."""
    ours, others = (
        ruleset.patterns,
        {"python re": re_engine(ruleset.patterns), "google-re2": re2_engine(ruleset.patterns)},
    )
    comparable = {
        "python re": frozenset(range(len(ours))),
        "google-re2": frozenset(number for number, p in enumerate(ours) if not (is_wide(p) and r"\b" in p.source)),
    }
    differences: dict[str, list[str]] = {name: [] for name in others}
    hits = 0
    for text in texts:
        found = ruleset.patterns_seen(normalise(text))
        seen = frozenset(number for number, pattern in enumerate(ours) if pattern in found)
        hits += len(seen)
        for name, engine in others.items():
            for number in (seen ^ engine(text)) & comparable[name]:
                differences[name].append(f"{ours[number].source!r} on {text[:60]!r}")
    return {
        "texts": len(texts),
        "pattern_hits": hits,
        "patterns_compared": {name: len(numbers) for name, numbers in comparable.items()},
        "differences": {name: found[:10] for name, found in differences.items()},
        "equal": not any(differences.values()),
    }


def is_wide(pattern: Pattern) -> bool:
    """Whether the scanner reads the pattern as Unicode."""
    return bool(pattern.flags & hs.HS_FLAG_UTF8)


def _source(pattern: Pattern) -> str:
    return pattern.expression.replace(r"\z", r"\Z") if pattern.from_wildcards else pattern.source


def _flags(pattern: Pattern) -> int:
    caseless = re.IGNORECASE if pattern.flags & hs.HS_FLAG_CASELESS else 0
    return caseless | (re.DOTALL if pattern.flags & hs.HS_FLAG_DOTALL else 0)


if __name__ == "__main__":
    main()
