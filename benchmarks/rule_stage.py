r"""Rate of the rule stage (normalisation, views, scan, conditions) beside other engines on the same rules, as JSON.

Run `python benchmarks/rule_stage.py [--events N] [--seed N] [--few N] [--nova PYTHON]`, where PYTHON is that of an
environment with nova-hunting 0.3.1 (`make bench` makes one). `curve` is the rate with made-up rules, 100 to 2,000.
The text is made up from the seed:
prompts of about 0.9 kB in several scripts, one in fifty built around a sentence from the rules' own test events. All
engines get the same patterns; what they see is compared pattern by pattern on a part of the texts. Left out of the
comparison with re2 are patterns with a word's edge beside letters outside ASCII, where its \b knows ASCII alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from rule_peers import is_wide, nova, re2_engine, re_engine, yara_engine, yara_patterns
from stormwatch.config import shipped
from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.rulebook.rule_tests import read_test_events
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.text.normalise import NormalText, normalise
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
CURVE = (100, 250, 500, 1_000, 2_000)
SHARES = {"Latin": 80, "Cyrillic": 7, "Han": 7, "Arabic": 6}


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--few", type=int, default=200, help="How many texts the slow engines get.")
    parser.add_argument("--nova", type=Path, help="The Python of an environment with nova-hunting.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rules = load_rules([shipped("rules")])
    ruleset = RuleSet(rules)
    started = time.perf_counter()
    ruleset.patterns_seen("compile")
    compiled = time.perf_counter() - started
    for warm_up in ("compile", "compil\u00e9"):  # the signs of a disguise, of text in ASCII and beyond
        NormalText.of(EventText("event", (Message("user", warm_up),)))
    planted = [event.text.prompt for rule in rules for event in read_test_events(rule)[0] if event.must_hit]
    texts = make_texts(options.events, options.seed, [text for text in planted if text])
    few = texts[: options.few]
    rates = {
        "stormwatch rule stage": rate(stage(ruleset), texts),
        "stormwatch artefact extraction": rate(extraction(), texts),
        "google-re2 Set, patterns alone": rate(re2_engine(ruleset.patterns), few),
        "yara-x, patterns in ASCII alone": rate(yara_engine(ruleset.patterns), few),
        "python re loop, patterns alone": rate(re_engine(ruleset.patterns), few),
    }
    report: dict[str, Any] = {
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "seed": options.seed,
        "rules": len(rules),
        "patterns": len(ruleset.patterns),
        "mean_bytes": round(sum(len(text.encode()) for text in texts) / len(texts)),
        "database_bytes": ruleset.size_bytes(),
        "compile_seconds": round(compiled, 3),
        "events_per_second": rates,
        "agreement": agreement(ruleset, few + [text for text in planted if text]),
    }
    equal = report["agreement"]["equal"]
    if options.nova:
        rates["nova-hunting, keywords"], seen = nova(options.nova, rules, few)
        report["nova_agreement"] = nova_agreement(ruleset, few, seen)
        equal = equal and not report["nova_agreement"]["differences"]
    report["times_faster"] = {
        name: round(rates["stormwatch rule stage"] / other, 1)
        for name, other in rates.items()
        if "stormwatch" not in name
    }
    report["curve"] = {str(count): curve_rate(count, options.seed, texts[:4000]) for count in CURVE}
    report["peak_memory_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    if not equal:
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
        texts.append(("" if script == "Han" else " ").join(body))
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


def curve_rate(count: int, seed: int, texts: Sequence[str]) -> int:
    """The rate of the stage with that many made-up rules of four patterns and a condition each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.yml"
        path.write_text(yaml.safe_dump_all(made_up_rules(count, seed)), encoding="utf-8")
        ruleset = RuleSet(load_rules([path]))
    ruleset.patterns_seen("compile")
    return rate(stage(ruleset), texts)


def made_up_rules(count: int, seed: int) -> list[dict[str, Any]]:
    """Rules over made-up words, one in twenty over words that the texts hold."""
    chance = random.Random(seed)
    common = WORDS["Latin"].split()

    def word() -> str:
        if chance.random() < 0.05:
            return chance.choice(common)
        return "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(chance.randint(3, 5)))

    return [
        {
            "title": f"Made-up rule {number}",
            "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "status": "experimental",
            "description": "Made for a measurement.",
            "references": ["https://operator.example/rules"],
            "author": "The Stormwatch authors",
            "date": "2026-11-25",
            "tags": ["llm.02"],
            "logsource": {"category": "llm"},
            "detection": {
                "words": {"prompt|contains": [f"{word()} {word()}", f"{word()} {word()}"]},
                "expression": {"prompt|re|i": f"\\b(?:{word()}|{word()})\\b.{{0,40}}\\b{word()}{word()}\\b"},
                "mine": {"prompt|contains": f"{word()} {word()} {word()}"},
                "condition": "(words or expression) and not mine",
            },
            "falsepositives": ["everybody"],
            "level": "low",
        }
        for number in range(count)
    ]


def nova_agreement(ruleset: RuleSet, texts: Sequence[str], seen: Sequence[frozenset[int]]) -> dict[str, Any]:
    """Whether both saw a pattern of the same rules, on texts in ASCII, which both read alike."""
    differences, compared, hits = [], 0, 0
    for text, theirs in zip(texts, seen, strict=True):
        if not text.isascii():
            continue
        found = ruleset.patterns_seen(text)
        ours = {number for number, rule in enumerate(ruleset.rules) if not found.isdisjoint(rule.patterns)}
        compared, hits = compared + 1, hits + len(ours)
        differences += [f"{ruleset.rules[number].title} on {text[:60]!r}" for number in ours ^ theirs]
    return {"texts": compared, "rule_hits": hits, "differences": differences[:10]}


def agreement(ruleset: RuleSet, texts: Sequence[str]) -> dict[str, Any]:
    """Whether the engines see the same patterns in the same texts; the first differences are listed."""
    ours, others = (
        ruleset.patterns,
        {
            "python re": re_engine(ruleset.patterns),
            "google-re2": re2_engine(ruleset.patterns),
            "yara-x": yara_engine(ruleset.patterns),
        },
    )
    comparable = {
        "python re": frozenset(range(len(ours))),
        "yara-x": yara_patterns(ours),
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


if __name__ == "__main__":
    main()
