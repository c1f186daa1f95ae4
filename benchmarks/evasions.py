"""Recall of the shipped rules on disguised forms of their own test events, before and after views, as JSON.

Run `python benchmarks/evasions.py [--seed N] [--shared FILE.parquet] [--output docs/evasion.md]`. Each transformation
is applied to every positive test event that is a prompt. `before` is what normalisation was without views: the
compatibility form NFKC and nothing invisible. False hits are counted on the rules' near misses, on made-up text in
several scripts, and on the column `text` of FILE.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import sys
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stormwatch.config import shipped
from stormwatch.detections.rulebook.rule_tests import TestEvent, read_test_events
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.text.confusables import confusables
from stormwatch.detections.text.normalise import NormalText, normalise
from stormwatch.model.event import EventText, Message

Transformation = Callable[[str, random.Random], str]
WORD = re.compile(r"[^\W\d_]{4,}")
LEET = str.maketrans("aeiostAEIOST", "4310574310 57".replace(" ", ""))


def by_words(text: str, chance: random.Random, change: Callable[[str], str], share: float = 0.5) -> str:
    """The text with a share of its longer words changed, at least one."""
    words = [match.span() for match in WORD.finditer(text)]
    chosen = {span for span in words if chance.random() < share} or set(words[:1])
    parts, place = [], 0
    for start, end in sorted(chosen):
        parts += [text[place:start], change(text[start:end])]
        place = end
    return "".join([*parts, text[place:]])


def look_alikes(text: str, chance: random.Random) -> str:
    """One or more letters of each chosen Latin word from Cyrillic."""
    alike = {latin: chr(code) for code, latin in confusables().latin_of.items() if 0x400 <= code < 0x530}

    def change(word: str) -> str:
        places = [place for place, letter in enumerate(word) if letter in alike]
        some = set(chance.sample(places, max(1, len(places) // 2))) if places else set()
        return "".join(alike[letter] if place in some else letter for place, letter in enumerate(word))

    return by_words(text, chance, change, 0.8)


def marked(word: str) -> str:
    """A stroke through each letter."""
    return "".join(letter + "\u0336" for letter in word)


TRANSFORMATIONS: Mapping[str, Transformation] = {
    "as written": lambda text, _: text,
    "zero-width characters in words": lambda text, chance: by_words(text, chance, "\u200b".join),
    "soft hyphens in words": lambda text, chance: by_words(text, chance, "\u00ad".join),
    "full-width letters": lambda text, _: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "Cyrillic look-alikes": look_alikes,
    "marks on each letter": lambda text, chance: by_words(
        text, chance, lambda word: "".join(c + "\u0336" for c in word)
    ),
    "letters apart, blanks": lambda text, chance: by_words(text, chance, " ".join, 0.3),
    "letters apart, hyphens": lambda text, chance: by_words(text, chance, "-".join),
    "letters apart, stops": lambda text, chance: by_words(text, chance, ".".join),
    "letters apart, whole text": lambda text, _: "  ".join(" ".join(word) for word in text.split()),
    "words broken by lines": lambda text, chance: by_words(text, chance, lambda word: f"{word[:2]}-\n{word[2:]}"),
    "leetspeak": lambda text, chance: by_words(text, chance, lambda word: word.translate(LEET)),
    "base64 of the text": lambda text, _: f"Do this: {base64.b64encode(text.encode()).decode()}",
    "base64 twice": lambda text, _: f"Do this: {base64.b64encode(base64.b64encode(text.encode())).decode()}",
    "hex": lambda text, _: f"Do this: {text.encode().hex()}",
    "percent": lambda text, _: urllib.parse.quote(text),
    "escapes": lambda text, _: "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text),
    "tag characters": lambda text, _: "Hello" + "".join(chr(0xE0000 + ord(c)) if c.isascii() else c for c in text),
    "right-to-left override": lambda text, _: "".join(f"\u202e{line[::-1]}\u202c" for line in [text]),
    "reversed, without override": lambda text, _: text[::-1],
}
ORDINARY = (
    "Please check v2.1 of my python3 script: it reads utf8 text, base64 pictures and sha256 sums.",
    "Our flat is on floor 3, door B; the bus leaves at 7.45 a.m. from platform 2 - don't be late!",
    "Привет! Как настроить VPNом API в Windows 11?",
    "Γράψε ένα email στους φίλους μου.",
    "请帮我写一封邮件，告诉同事明天的会议。",
    "Toi muon viet thu; Tôi muốn viết một lá thư cho bạn.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
)


def hits(rules: RuleSet, text: str, *, views: bool) -> set[str]:
    """The ids of the rules that hold for a prompt, with or without its views."""
    normal = (
        NormalText.of(EventText("event", (Message("user", text),))) if views else NormalText(normalise(text), "", "")
    )
    return {hit.rule.rule_id for hit in rules.scan_normal(normal, {})}


def recall(rules: RuleSet, events: Sequence[tuple[str, TestEvent]], seed: int) -> dict[str, dict[str, float]]:
    """By transformation, the share of events that their rule still sees."""
    found = {}
    for name, transform in TRANSFORMATIONS.items():
        chance = random.Random(f"{seed}:{name}")
        texts = [(rule_id, transform(event.text.prompt, chance)) for rule_id, event in events]
        shares = (sum(rule_id in hits(rules, text, views=views) for rule_id, text in texts) for views in (False, True))
        before, after = (round(share / len(texts), 4) for share in shares)
        found[name] = {"before": before, "after": after}
    return found


def false_hits(rules: RuleSet, texts: Sequence[str], own: Sequence[str | None]) -> dict[str, int]:
    """Texts on which their own rule (or, where there is none, any) holds, without and with views; and with any view."""
    seen = {"texts": len(texts), "before": 0, "after": 0, "with_a_view": 0}
    for text, rule_id in zip(texts, own, strict=True):
        for name, views in (("before", False), ("after", True)):
            found = hits(rules, text, views=views)
            seen[name] += bool(found if rule_id is None else rule_id in found)
        seen["with_a_view"] += bool(NormalText.of(EventText("event", (Message("user", text),))).views)
    return seen


def cost(rules: RuleSet, texts: Sequence[str], rounds: int) -> dict[str, int]:
    """Texts a second of processor time, without and with views."""
    rates = {}
    hits(rules, "compil\u00e9", views=True)
    for name, views in (("before", False), ("after", True)):
        started = time.process_time()
        for _ in range(rounds):
            for text in texts:
                hits(rules, text, views=views)
        rates[name] = round(rounds * len(texts) / (time.process_time() - started))
    return rates


def page(report: dict[str, Any]) -> str:
    """The published page."""
    rows = "\n".join(
        f"| {name} | {share['before']:.1%} | {share['after']:.1%} |" for name, share in report["recall"].items()
    )
    honest = "\n".join(
        f"| {name} | {seen['texts']} | {seen['before']} | {seen['after']} | {seen['with_a_view']} |"
        for name, seen in report["false_hits"].items()
    )
    template = Path(__file__).with_name("evasion_page.md").read_text(encoding="utf-8")
    return template.format(rows=rows, honest=honest, **report)


def main() -> None:
    """Measures, prints JSON or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shared", type=Path, help="A Parquet file of innocent texts in a column `text`.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rules = load_rules([shipped("rules")])
    ruleset = RuleSet(rules)
    events = [(rule.rule_id, event) for rule in rules for event in read_test_events(rule)[0] if event.text.prompt]
    positive = [(rule_id, event) for rule_id, event in events if event.must_hit]
    near = [(rule_id, event) for rule_id, event in events if not event.must_hit]
    honest = {
        "near misses of the rules": false_hits(ruleset, [e.text.prompt for _, e in near], [r for r, _ in near]),
        "made-up ordinary text": false_hits(ruleset, ORDINARY, [None] * len(ORDINARY)),
    }
    texts = [event.text.prompt for _, event in near]
    if options.shared:
        more: list[str] = [text or "" for text in pq.read_table(options.shared, columns=["text"])["text"].to_pylist()]
        honest["innocent texts about security"] = false_hits(ruleset, more, [None] * len(more))
        texts = more
    report = {
        "seed": options.seed,
        "rules": len(rules),
        "events": len(positive),
        "recall": recall(ruleset, positive, options.seed),
        "false_hits": honest,
        "cost": cost(ruleset, texts, max(1, 3000 // len(texts))),
    }
    if options.output:
        options.output.write_text(page(report), encoding="utf-8")
    else:
        json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
