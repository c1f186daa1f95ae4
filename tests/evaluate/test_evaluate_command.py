"""`stormwatch evaluate` plays worlds through the public route, tells what came out, and keeps the truth apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from command_line import Called, stormwatch
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.world import make_world

pytestmark = pytest.mark.xdist_group("evaluate")  # the two worlds are played once

EASY = Knobs(reuse_device=1.0, reuse_payment=1.0, reuse_address=1.0, reuse_artefact=1.0, intel_known=1.0)


@pytest.fixture(scope="module", autouse=True)
def low_threshold() -> Iterator[None]:
    """In a population of 300 nothing can be called rare, so that cases open at little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMWATCH_CASE_THRESHOLD", "0.1")
        yield


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small worlds whose campaigns take no care."""
    root = tmp_path_factory.mktemp("worlds")
    folders = [root / "north", root / "south"]
    for seed, folder in enumerate(folders):
        make_world(folder, accounts=300, events=3_000, seed=seed, knobs=EASY)
    return folders


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="module")
def first(worlds: list[Path], homes: Path) -> Called:
    """The first evaluation of both."""
    return stormwatch(
        "evaluate", *worlds, "--home", homes, "--html", homes / "page.html", "--resamples", "200", "--json"
    )


def told(called: Called) -> dict[str, Any]:
    assert called.returncode == 0, called.stderr
    answer: dict[str, Any] = json.loads(called.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return answer


def apart_from_cost(card: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if name != "cost"}


def test_each_world_and_all_of_them_are_scored(first: Called, worlds: list[Path]) -> None:
    answer = told(first)
    assert [card["name"] for card in answer["worlds"]] == ["north", "south"]
    pooled = answer["pooled"]
    for name in ("planted", "innocents", "non_state", "campaigns", "clusters", "planted_over_threshold"):
        assert pooled["counts"][name] == sum(card["counts"][name] for card in answer["worlds"]), name
    assert sum(pooled["counts"][name] for name in ("planted", "innocents", "non_state")) == 600
    assert sum(row["accounts"] for row in pooled["kinds"]) == 600
    assert pooled["resampled"] == "worlds"
    assert answer["worlds"][0]["resampled"] == "campaigns and innocent accounts"
    for world, card in zip(worlds, answer["worlds"], strict=True):
        planted = json.loads((world / "world.json").read_text(encoding="utf-8"))["kinds"]
        assert card["counts"]["planted"] == sum(n for kind, n in planted.items() if kind.startswith("planted/"))
        assert card["cost"]["ingest_seconds"] > 0
        assert card["cost"]["hunt_seconds"] > 0
        assert 50 < card["cost"]["peak_megabytes"] < 5_000
        assert card["cost"]["rejected_records"] == 0


def test_campaigns_that_take_no_care_are_found(first: Called) -> None:
    figures = told(first)["pooled"]["figures"]
    assert figures["average_precision"] > 0.5
    assert figures["campaigns_reached"] > 0
    assert figures["pair_precision"] > 0.5
    assert figures["log_score"] is not None


def test_a_home_is_used_again_with_the_same_outcome(first: Called, worlds: list[Path], homes: Path) -> None:
    again = told(stormwatch("evaluate", *worlds, "--home", homes, "--reuse", "--resamples", "200", "--json"))
    assert [apart_from_cost(card) for card in again["worlds"]] == [apart_from_cost(c) for c in told(first)["worlds"]]
    assert {card["cost"]["ingest_seconds"] for card in again["worlds"]} == {None}


def test_what_changed_since_an_earlier_evaluation_is_told(
    first: Called, worlds: list[Path], homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(first.stdout, encoding="utf-8")
    again = ("evaluate", worlds[1], "--home", homes, "--reuse", "--resamples", "100", "--against", earlier)
    assert "Nothing differs" in stormwatch(*again).stdout
    monkeypatch.setenv("STORMWATCH_CASE_THRESHOLD", "0.999")
    changed = {change["figure"]: change for change in told(stormwatch(*again, "--json"))["changes"]}
    assert {change["world"] for change in changed.values()} == {"south"}
    assert changed["campaigns_reached"]["before"] > changed["campaigns_reached"]["now"] == 0.0


def test_an_earlier_evaluation_that_is_none(worlds: list[Path], tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text('{"worlds": 3}', encoding="utf-8")
    called = stormwatch("evaluate", worlds[0], "--against", earlier)
    assert (called.returncode, "no earlier evaluation can be read" in called.stderr) == (1, True)


def test_a_home_that_is_there_is_not_written_into(first: Called, worlds: list[Path], homes: Path) -> None:
    called = stormwatch("evaluate", worlds[0], "--home", homes)
    assert (called.returncode, "a home is there already" in called.stderr) == (1, True)


def test_a_home_of_another_world_is_not_used(first: Called, worlds: list[Path], homes: Path, tmp_path: Path) -> None:
    make_world(tmp_path / "north", accounts=120, events=1_500, seed=9)
    called = stormwatch("evaluate", tmp_path / "north", "--home", homes, "--reuse")
    assert (called.returncode, "does not hold" in called.stderr) == (1, True)


class Page(HTMLParser):
    """The tags of a page, and everything that could make a browser ask for something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asks: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        fetching = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
        self.asks += [(name, value) for name, value in attrs if name in fetching or name.startswith("on")]


def test_the_page_carries_everything_and_asks_for_nothing(first: Called, homes: Path) -> None:
    assert first.returncode == 0
    text = (homes / "page.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == 4
    assert not {"script", "iframe", "link", "img", "object"} & set(page.tags)
    assert page.asks == []
    assert not re.search(r"url\(\s*['\"]?(https?:|//)|@import", text)
    assert "default-src 'none'" in unescape(text)
    for said in ("north", "south", "pooled", "component-hits", "confounder"):
        assert said in text


def test_prose_of_one_world_in_a_place_that_is_cleared_away(
    worlds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    # The operator's own installation must stay out of it.
    monkeypatch.setenv("STORMWATCH_DATABASE_URL", f"sqlite:///{tmp_path / 'operator.db'}")
    monkeypatch.setenv("STORMWATCH_KEY_FILE", str(tmp_path / "operator.key"))
    called = stormwatch("evaluate", worlds[0], "--resamples", "100", "--swap")
    assert called.returncode == 0, called.stderr
    assert "30 accounts with other countries and hours: the risk of 0 of them" in called.stdout
    assert "planted accounts found at 1 false accusation in 10,000" in called.stdout
    assert "pooled" not in called.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_product_gets_nothing_of_the_truth(
    worlds: list[Path], homes: Path, first: Called, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the same traffic and another truth the verdicts are the same: nothing but the scoring reads it."""
    import shutil

    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(shutil.copytree(worlds[0], tmp_path / "north"))
    table = pq.read_table(folder / "truth.parquet")
    innocent = {"class": "benign", "kind": "ordinary", "campaign_id": "", "group_id": "", "actor": "benign"}
    for name, value in innocent.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array([value] * len(table)))
    pq.write_table(table, folder / "truth.parquet")
    (folder / "campaigns.json").write_text('{"campaigns": []}', encoding="utf-8")
    answer = told(stormwatch("evaluate", folder, "--home", homes, "--reuse", "--resamples", "100", "--json"))
    before, after = told(first)["worlds"][0]["counts"], answer["worlds"][0]["counts"]
    names = ("planted_over_threshold", "innocents_over_threshold", "non_state_over_threshold", "victims_recognised")
    assert after["innocents_over_threshold"] == sum(before[name] for name in names)
    assert answer["worlds"][0]["figures"]["average_precision"] is None


@pytest.mark.long
@pytest.mark.shared
def test_a_development_world_is_scored(shared: Path, tmp_path: Path) -> None:
    answer = told(stormwatch("evaluate", shared / "worlds" / "dev-tiny", "--resamples", "100", "--json"))
    (card,) = answer["worlds"]
    assert answer["pooled"] is None
    assert (card["counts"]["planted"], card["counts"]["innocents"], card["counts"]["non_state"]) == (33, 939, 28)
    assert len(card["campaigns"]) == 5
    assert card["figures"]["average_precision"] > 33 / 972  # better than drawing lots
