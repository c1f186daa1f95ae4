"""A lead through all history: at once, without opening a text, with a record of what was covered and found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from event_making import event, ndjson
from stormwatch.events.ingest import ingest_file
from stormwatch.hunt.lead_search import LeadStores, record_searches, search_lead
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.lead_searches import latest_search
from stormwatch.intel.leads import add_lead, get_lead, new_lead_id
from stormwatch.model.errors import Conflict
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, LeadState, SourceKind
from stormwatch.model.times import DAY, now_us, parse_rfc3339
from stormwatch.runtime import Runtime
from stormwatch.storage import texts

ADDRESS = "203.0.113.7"


@pytest.fixture
def ingested(runtime: Runtime, tmp_path: Path) -> Iterator[Callable[..., None]]:
    def take(name: str, rows: list[dict[str, Any]]) -> None:
        file = tmp_path / f"{name}.ndjson"
        file.write_bytes(ndjson(rows))
        assert ingest_file(runtime.events, file, collector="test").rejected == 0

    return take  # type: ignore[return-value]


def tip(*observables: str, **more: object) -> Lead:
    lead = Lead(
        lead_id=new_lead_id(),
        title="tip",
        source="Peer A",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("B", 2),
        tlp=TLP.GREEN,
        pap=PAP.GREEN,
        received_us=now_us(),
        observables=tuple(parse_observable(text) for text in observables),
    )
    return replace(lead, **more)  # type: ignore[arg-type]


def stores(runtime: Runtime) -> LeadStores:
    return LeadStores(runtime.lake, runtime.database, runtime.ledger)


def rows(count: int = 10, **more: Any) -> list[dict[str, Any]]:
    named = ({"event_id": f"e-{n}", "account_id": f"u{n}", "source_ip": f"198.51.100.{n + 1}"} for n in range(count))
    return [event(n, **fields, **more) for n, fields in enumerate(named)]


def test_history_is_searched_at_once_and_the_record_says_what_was_covered(
    runtime: Runtime, ingested: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rows()
    given[3]["source_ip"] = given[7]["source_ip"] = ADDRESS
    ingested("one", given)
    lead = add_lead(runtime.database, runtime.ledger, tip(f"ip={ADDRESS}", "domain=evil.example"), "system")
    monkeypatch.setattr(texts, "unseal", lambda *_arguments: pytest.fail("a text was opened"))
    seen: list[tuple[str, int, int | None]] = []
    found = runtime.search_lead(lead.lead_id, by="system", progress=lambda *step: seen.append(step))
    assert seen[-1] == ("history", 10, 10)
    assert found == latest_search(runtime.database, lead.lead_id)
    assert found.hits.accounts == ("u3", "u7")
    assert [one.event_ids for one in found.findings] == [("e-3",), ("e-7",)]
    assert (found.coverage.events, found.coverage.without_artefacts) == (10, 10)
    times = sorted(parse_rfc3339(one["time"]) for one in given)
    assert (found.coverage.from_us, found.coverage.until_us) == (times[0], times[-1])
    assert get_lead(runtime.database, lead.lead_id).state is LeadState.OPEN  # no hunt has read the texts
    (entry,) = runtime.ledger.entries(kind="lead.searched")
    assert (entry.body["found"], entry.body["accounts"]) == ("yes", 2)
    assert "u3" not in json.dumps(dict(entry.body))


def test_the_watch_prolongs_the_record_and_something_new_makes_another(
    runtime: Runtime, ingested: Callable[..., None]
) -> None:
    ingested("one", rows())
    lead = add_lead(runtime.database, runtime.ledger, tip("domain=evil.example"), "system")
    runtime.hunt()
    nothing = latest_search(runtime.database, lead.lead_id)
    assert nothing is not None
    assert (nothing.findings, nothing.coverage.without_artefacts) == ((), 0)
    assert get_lead(runtime.database, lead.lead_id).state is LeadState.SEARCHED
    runtime.hunt()
    longer = latest_search(runtime.database, lead.lead_id)
    assert longer is not None
    assert longer.search_id == nothing.search_id
    assert longer.watched_until_us > nothing.watched_until_us
    pasted = event(
        50, event_id="late", account_id="u50", input=[{"role": "user", "content": "see http://a.evil.example/x"}]
    )
    ingested("two", [pasted])
    runtime.hunt()
    found = latest_search(runtime.database, lead.lead_id)
    assert found is not None
    assert found.search_id != nothing.search_id
    assert [(one.account_id, one.event_ids) for one in found.findings] == [("u50", ("late",))]
    assert len(list(runtime.ledger.entries(kind="lead.searched"))) == 2


def test_the_search_at_once_finds_what_the_hunt_finds(runtime: Runtime, ingested: Callable[..., None]) -> None:
    given = rows(30, input=[{"role": "user", "content": "is evil[.]example down?"}])
    given[4]["source_ip"] = ADDRESS
    ingested("one", given)
    runtime.hunt()
    lead = add_lead(runtime.database, runtime.ledger, tip(f"ip={ADDRESS}", "domain=evil.example"), "system")
    at_once = search_lead(stores(runtime), lead.lead_id)
    assert len(at_once.hits.accounts) == 30
    runtime.hunt()
    later = latest_search(runtime.database, lead.lead_id)
    assert later is not None
    assert (later.search_id, later.findings) == (at_once.search_id, at_once.findings)


def test_an_ended_lead_is_no_longer_watched_for(runtime: Runtime, ingested: Callable[..., None]) -> None:
    times = [f"2026-03-0{day}T12:00:00Z" for day in (1, 5)]
    given = rows(2)
    for one, moment in zip(given, times, strict=True):
        one.update(source_ip=ADDRESS, time=moment)
    ingested("one", given)
    ended = parse_rfc3339("2026-03-03T00:00:00Z")
    lead = tip(f"ip={ADDRESS}", received_us=ended - DAY, expires_us=ended)
    add_lead(runtime.database, runtime.ledger, lead, "system")
    runtime.hunt()
    assert get_lead(runtime.database, lead.lead_id).state is LeadState.EXPIRED
    found = latest_search(runtime.database, lead.lead_id)
    assert found is not None
    assert [one.account_id for one in found.findings] == ["u0"]
    detected = runtime.lake.read("detections", ["event_id", "indicator_id"])
    assert [row["event_id"] for row in detected.to_pylist() if row["indicator_id"]] == ["e-0"]
    with pytest.raises(Conflict, match="expired"):
        search_lead(stores(runtime), lead.lead_id)
    record_searches(stores(runtime), now_us())
    assert latest_search(runtime.database, lead.lead_id) == found


def test_what_waits_is_not_searched_for(runtime: Runtime, ingested: Callable[..., None]) -> None:
    ingested("one", [{**one, "source_ip": ADDRESS} for one in rows(2)])
    lead = add_lead(runtime.database, runtime.ledger, tip(f"ip={ADDRESS}"), "system", hold=True)
    with pytest.raises(Conflict, match="waits"):
        runtime.search_lead(lead.lead_id, by="system")
    runtime.hunt()
    assert latest_search(runtime.database, lead.lead_id) is None
    assert get_lead(runtime.database, lead.lead_id).state is LeadState.PROPOSED
    assert not any(runtime.lake.read("detections", ["indicator_id"])["indicator_id"].to_pylist())
