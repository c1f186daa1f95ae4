"""A profile that does not fit is refused with file and place."""

from pathlib import Path

import pytest
import yaml

from stormwatch.attribution.profiles import INFERRED, load_profiles
from stormwatch.config import shipped
from stormwatch.model.errors import InvalidInput

GOOD = (shipped("profiles") / "salmon-typhoon.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: [unclosed", "no YAML"),
        ("", "None is not of type 'object'"),
        (GOOD.replace("country: CN", "country: China"), r"\$.country"),
        (GOOD.replace("source: ms24}", "source: hearsay}", 1), "source hearsay is not under"),
        (GOOD.replace("topics: {source: ms24", "topics: {source: inferred"), r"source inferred is not under.*topics"),
        (GOOD.replace("read: excerpt", "read: skimmed"), r"sources.openai24.read"),
        (GOOD.replace("utc_offsets: {source: inferred", "utc_offsets: {source: hearsay"), "hearsay.*utc_offsets"),
        (GOOD + "\nextra: 1\n", "extra"),
    ],
)
def test_bad_profiles_are_refused_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said) as raised:
        load_profiles([tmp_path])
    assert "bad.yaml" in str(raised.value)


def test_one_actor_has_one_profile(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(InvalidInput, match="second profile for salmon-typhoon"):
        load_profiles([tmp_path])


def test_every_topic_of_a_profile_is_one_that_a_rule_sees() -> None:
    rules = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in shipped("rules").rglob("*.yml"))
    seen = {rule["topic"] for rule in rules if "topic" in rule}
    assert {topic for profile in load_profiles([shipped("profiles")]) for topic in profile.topics} <= seen


def test_an_actor_without_a_state_or_hours_in_its_source_has_none() -> None:
    profiles = {profile.actor_id: profile for profile in load_profiles([shipped("profiles")])}
    assert profiles["scopecreep"].country is None
    assert profiles["scopecreep"].utc_offsets == ()
    assert not profiles["scopecreep"].habits_inferred
    assert profiles["charcoal-typhoon"].habits_inferred


def test_every_technique_and_list_of_facts_says_who_tells_it() -> None:
    for profile in load_profiles([shipped("profiles")]):
        known = {source.key for source in profile.sources} | {INFERRED}
        told = {one.fact: one.source for one in profile.told_by}
        assert told.keys() == {*profile.techniques, "targets", "topics", "languages", "utc_offsets"}
        assert set(told.values()) <= known
