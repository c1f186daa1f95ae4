"""The documentation is whole: links lead somewhere, no machine paths, every command and every setting is described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from stormwatch.cli.main import COMMANDS, command_line
from stormwatch.config import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.~<>-])/(?:home|root|work|tmp|Users|mnt|opt)/\w+")

pages = pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])


def anchors(page: Path) -> set[str]:
    """The ids that a page's headings get, as code hosts make them."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pages
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}: there is no such heading"


@pages
def test_no_page_names_a_machines_directories(page: Path) -> None:
    assert not MACHINE_PATH.findall(page.read_text(encoding="utf-8"))


@pages
def test_every_page_has_one_title(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / target.partition("#")[0]).resolve() for target in LINK.findall(index.read_text("utf-8"))}
    below = {page.resolve() for page in (ROOT / "docs").glob("*.md")} - {index.resolve()}
    assert not {page.name for page in below - reached}


def test_decision_records_are_numbered_without_gaps_and_listed() -> None:
    records = sorted(path for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert not [path.name for path in records if f"adr/{path.name}" not in index]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert f"`{name}`" in text
    assert f"`STORMWATCH_{name.upper()}`" in text


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words that call it."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*words, name))
    else:
        yield " ".join(words), command


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    return dict(leaves(typer.main.get_command(command_line()), ()))


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The text of commands.md by the command that a heading names."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^#{2,4} `(.*?)`\s*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(parameter: Any) -> list[str]:
    """What a reader looks for: the long options, or the argument's word in capitals."""
    options = [option for option in parameter.opts if option.startswith("--") and option not in {"--json", "--help"}]
    is_argument = not any(option.startswith("-") for option in parameter.opts)
    return [(parameter.metavar or parameter.name).upper().removesuffix("...")] if is_argument else options


def test_every_command_is_documented(commands: dict[str, Any], sections: dict[str, str]) -> None:
    assert {words.split()[0] for words in commands} == set(COMMANDS)
    assert set(commands) == set(sections)


def test_every_option_and_argument_is_documented(commands: dict[str, Any], sections: dict[str, str]) -> None:
    missing = [
        f"{words} {name}"
        for words, command in commands.items()
        for parameter in command.params
        for name in named(parameter)
        if name not in sections.get(words, "")
    ]
    assert missing == []
