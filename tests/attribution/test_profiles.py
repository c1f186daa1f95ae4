"""A profile that does not fit is refused with file and place."""

from pathlib import Path

import pytest

from stormwatch.attribution.profiles import load_profiles
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
