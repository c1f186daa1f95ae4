"""Adds to the console's world what its pages of rules, actors and lineage show: a rule of one's own, hits, programs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from console_world import GROUP, HOSTILE_ID, LONER, MOMENT, Browser, World, put
from stormwatch.model.principal import Role
from stormwatch.model.times import DAY, HOUR

SHIPPED_RULE = "5cc34873-855d-5b53-8a75-1b42704f82eb"  # attack tools run through tool calls
OWN_RULE = "4e000000-0000-4000-8000-000000000000"
RULE_FILE = """\
title: Stack traces
id: 4e000000-0000-4000-8000-000000000000
status: test
description: Made for these pages.
references: [https://example.org/traces]
author: The Stormwatch authors
date: 2026-11-27
tags: [llm.02]
logsource: {category: llm}
detection:
  words: {prompt|contains: stack trace}
  condition: words
falsepositives: [anybody who mends a program]
level: low
"""


def engineer(app: FastAPI, world: World) -> Browser:
    """A detection engineer who is signed in."""
    browser = Browser(app)
    browser.log_in(engineer_token(world))
    return browser


def engineer_token(world: World) -> str:
    administrator = world.runtime.access.authenticate(world.tokens["administrator"])
    return world.runtime.access.add_person(administrator, "eve", Role.DETECTION_ENGINEER)[1]


def add_hits(world: World, rule_id: str, version: str = "1", *, days: int = 3) -> None:
    """On each of some days the rule hits more accounts than the day before."""
    lake = world.runtime.lake
    rows: list[dict[str, Any]] = lake.read("detections").to_pylist()
    accounts = (*GROUP, LONER)
    for day in range(days):
        for number, account in enumerate(accounts[: day + 2]):
            rows.append(
                {
                    "event_id": f"hit-{day}-{number}",
                    "account_id": account,
                    "time_us": MOMENT + day * DAY + number * HOUR,
                    "rule_id": rule_id,
                    "rule_version": version,
                    "kind": "rule",
                    "techniques": ["LLM-15"],
                    "score": 0.3,
                    "shadow": False,
                }
            )
    put(world.runtime, "detections", rows)


def add_lineage(world: World) -> None:
    """One program through three accounts in turn, five versions; another that stays with one; a passage elsewhere."""
    turns = [GROUP[0], GROUP[0], GROUP[1], GROUP[2], GROUP[2]]
    steps = [
        _fingerprints(
            account, f"ev_{4 * GROUP.index(account) + number % 4:03d}", number, range(number * 5, number * 5 + 50)
        )
        for number, account in enumerate(turns)
    ]
    alone = [_fingerprints(GROUP[5], f"ev_{20 + number:03d}", number, range(900, 940)) for number in range(2)]
    elsewhere = [_fingerprints(LONER, "ev_024", 9, range(22, 30)), _fingerprints(HOSTILE_ID, "ev_028", 9, range(40))]
    put(world.runtime, "fingerprints", [*steps, *alone, *elsewhere])


def _fingerprints(account: str, event_id: str, hours: int, hashes: range) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "account_id": account,
        "time_us": MOMENT + hours * HOUR,
        "field": "prompt",
        "kind": "code-text",
        "tokens": 10 * len(hashes),
        "hashes": list(hashes),
    }
