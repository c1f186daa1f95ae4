"""NOVA over the same rules and texts, run by the Python of its own environment: JSON on stdin to JSON on stdout.

In: `rules` (lists of regular expressions, any of which is a hit, each with its flags) and `texts`. Out: the numbers of
the rules that hit each text, and texts a second of processor time. Keywords only: no model is asked.
"""

import json
import sys
import time

from nova.core.rules import KeywordPattern, NovaRule
from nova.core.scanner import NovaScanner


def main() -> None:
    """Reads, scans, writes."""
    given = json.load(sys.stdin)
    scanner = NovaScanner()
    for number, patterns in enumerate(given["rules"]):
        keywords = {
            f"$p{index}": KeywordPattern(source, is_regex=True, case_sensitive=not caseless)
            for index, (source, caseless) in enumerate(patterns)
        }
        condition = " or ".join(f"keywords.{name}" for name in keywords)
        scanner.add_rule(NovaRule(name=f"r{number}", keywords=keywords, condition=condition))
    scanner.scan("warm up")
    started = time.process_time()
    found = [scanner.scan(text) for text in given["texts"]]
    seconds = time.process_time() - started
    hits = [sorted(int(hit["rule_name"][1:]) for hit in hits) for hits in found]
    json.dump({"hits": hits, "rate": round(len(hits) / seconds, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
