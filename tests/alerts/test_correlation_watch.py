"""A correlation over fresh events raises the alert that the hunt would raise, whatever batches the events come in."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_making import event, ndjson
from stormwatch.config import load_settings
from stormwatch.detections.correlations.correlating_lake import correlate
from stormwatch.detections.run import detect
from stormwatch.events.ingest import ingest_bytes
from stormwatch.events.records import from_ipc
from stormwatch.hunt import knowledge, watchlist
from stormwatch.hunt.alerts.catch_up import _candidates
from stormwatch.hunt.alerts.sightings import Sighting, sightings_of
from stormwatch.hunt.knowledge import read_knowledge
from stormwatch.hunt.watchlist import WatchlistReader
from stormwatch.runtime import Runtime, create_home

RULES = """
title: Alpha step
id: 6f9a2b0e-6a55-4f0e-9d0c-6b4df0b1a001
name: alpha_step
status: experimental
description: made up
level: low
tags: [llm.01]
falsepositives: [a test]
logsource: {category: llm}
detection:
  words: {prompt|contains: alphaword}
  condition: words
---
title: Omega step
id: 6f9a2b0e-6a55-4f0e-9d0c-6b4df0b1a002
name: omega_step
status: experimental
description: made up
level: low
tags: [llm.02]
falsepositives: [a test]
logsource: {category: llm}
detection:
  words: {prompt|contains: omegaword}
  condition: words
---
title: Alpha then omega
id: 6f9a2b0e-6a55-4f0e-9d0c-6b4df0b1a003
status: stable
description: made up
level: high
tags: [llm.02]
falsepositives: [two chapters of one book]
correlation:
  type: temporal
  rules: [alpha_step, omega_step]
  group-by: [account_id]
  timespan: 10m
"""


@pytest.fixture
def watched(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A home with two rules and a correlation over them."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "made-up.yml").write_text(RULES, encoding="utf-8")
    monkeypatch.setenv("STORMWATCH_RULES", f'["{folder}"]')
    for module in (knowledge, watchlist):  # the shipped rules take seconds to load and have no part in this
        monkeypatch.setattr(module, "rule_folders", lambda settings: tuple(settings.rules))
    create_home(home).close()
    return Runtime(load_settings(home))


def minute(number: int, account: str, word: str) -> dict[str, object]:
    said = [{"role": "user", "content": f"chapter about {word} {number}"}]
    time = f"2026-03-02T10:{number:02d}:00Z"
    return event(number, account_id=account, time=time, input=said)


STEPS = [
    minute(1, "acct-a", "alphaword"),
    minute(5, "acct-a", "omegaword"),
    minute(2, "acct-b", "alphaword"),
    minute(30, "acct-b", "omegaword"),  # too late after the first
    minute(40, "acct-c", "omegaword"),
    minute(41, "acct-c", "nothing"),
]


def looked(runtime: Runtime, batches: list[list[dict[str, object]]]) -> list[Sighting]:
    given_: list[pa.Table] = []
    runtime.events.on_stored = lambda payload: given_.append(from_ipc(payload))
    for batch in batches:
        ingest_bytes(runtime.events, ndjson(batch), collector="gateway", source="test")
    read = WatchlistReader(runtime.settings, runtime.database).read()
    return [one for events in given_ for one in read.look(events)]


def hunted(runtime: Runtime) -> list[Sighting]:
    runtime.events.compact()
    known = read_knowledge(runtime.settings, runtime.database)
    detect(runtime.lake, runtime.keyring, known.rules, ())
    correlate(runtime.lake, known.rules.correlations)
    causes = WatchlistReader(runtime.settings, runtime.database).read().causes
    return sightings_of(_candidates(runtime.lake, causes), causes)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(STEPS)), turned=st.booleans())
def test_stream_and_hunt_see_the_same(
    watched: Runtime, tmp_path_factory: pytest.TempPathFactory, cut: int, turned: bool
) -> None:
    fresh = tmp_path_factory.mktemp("home")
    create_home(fresh).close()
    runtime = Runtime(load_settings(fresh))
    steps = STEPS[::-1] if turned else STEPS
    by_stream = looked(runtime, [steps[:cut], steps[cut:]])
    assert [(one.account_id, one.title) for one in by_stream] == [("acct-a", "Alpha then omega")]
    assert {one.window_id for one in by_stream} == {one.window_id for one in hunted(runtime)}
    runtime.close()


def test_the_state_begins_with_what_the_lake_holds(watched: Runtime) -> None:
    ingest_bytes(watched.events, ndjson([STEPS[0]]), collector="gateway", source="test")
    assert hunted(watched) == []
    (seen,) = looked(watched, [[STEPS[1]]])
    assert (seen.account_id, seen.innocent_explanation) == ("acct-a", "two chapters of one book")
