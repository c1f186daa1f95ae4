"""How often each rule fires on texts that are about security and innocent, as a Markdown table or JSON.

Run `python benchmarks/firing_rates.py FILE.parquet [--json] [--output docs/rules-firing-rates.md]`. FILE has a column
`text`. A rule that fires on more than one in a hundred is listed as one that has to ship in shadow.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stormwatch.config import shipped
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.model.event import EventText, Message

LIMIT = 0.01
HEAD = """\
# Firing rates of the shipped rules

How often each rule fires on {texts:,} innocent texts about security: questions from security exams, threat-intelligence
quizzes, mappings of vulnerabilities, administrators' one-liners and general prompts in English, Chinese and Persian.
They are labelled benign by their sources and are not part of this repository. `benchmarks/firing_rates.py` makes this
table; a test compares it with a new measurement.

A rule above {limit:.0%} ships in shadow: its hits are recorded and count for nothing. The rate tells how often a rule
accuses the innocent on *these* texts, which are harder than ordinary traffic in English and easier in other languages:
only {other:,} of them hold letters of another script, so for patterns in Russian, Korean or Arabic it says little. It
is no estimate for any provider; there the hunt measures how common each rule is in the operator's own population.

| rule | level | topic | fired | rate | ships |
|---|---|---|---|---|---|
"""


def measure(path: Path) -> dict[str, Any]:
    """Texts, and for each rule how many of them it fires on."""
    texts: list[str] = [text or "" for text in pq.read_table(path, columns=["text"])["text"].to_pylist()]
    rules = load_rules([shipped("rules")])
    ruleset = RuleSet(rules)
    fired: Counter[str] = Counter()
    for text in texts:
        fired.update(hit.rule.rule_id for hit in ruleset.scan(EventText("event", (Message("user", text),)), {}))
    rows = [
        {
            "rule_id": rule.rule_id,
            "title": rule.title,
            "level": rule.level,
            "topic": rule.topic,
            "fired": fired[rule.rule_id],
            "rate": fired[rule.rule_id] / len(texts),
            "shadow": rule.shadow,
        }
        for rule in rules
    ]
    other = sum(any(ord(character) > 0x36F and character.isalpha() for character in text) for text in texts)
    return {
        "texts": len(texts),
        "other_scripts": other,
        "rules": sorted(rows, key=lambda row: (-row["fired"], row["title"])),
    }


def table(measured: dict[str, Any]) -> str:
    """The published page."""
    lines = [
        f"| {row['title']} | {row['level']} | {row['topic'] or ''} | {row['fired']} | {row['rate']:.3%} | "
        f"{'shadow' if row['shadow'] else 'live'} |"
        for row in measured["rules"]
    ]
    head = HEAD.format(texts=measured["texts"], other=measured["other_scripts"], limit=LIMIT)
    return head + "\n".join(lines) + "\n"


def main() -> None:
    """Prints or writes the table; exit 1 when a rule above the limit is not in shadow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    measured = measure(options.file)
    text = json.dumps(measured, indent=2) + "\n" if options.json else table(measured)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    loud = [row["title"] for row in measured["rules"] if row["rate"] > LIMIT and not row["shadow"]]
    if loud:
        sys.exit(f"above {LIMIT:.0%} and not in shadow: {', '.join(loud)}")


if __name__ == "__main__":
    main()
