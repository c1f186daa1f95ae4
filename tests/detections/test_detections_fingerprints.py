"""Fingerprints survive what people do to code and prose, and tell different things apart."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.detections.fingerprints.blocks import BlockKind, blocks_of
from stormwatch.detections.fingerprints.fingerprint_settings import fingerprint_settings
from stormwatch.detections.fingerprints.request_shapes import is_key_test
from stormwatch.detections.fingerprints.winnowing import Winnower
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.detections.text.normalise import NormalText
from stormwatch.model.event import EventText
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange

SETTINGS = fingerprint_settings()
WINNOWER = Winnower(b"k" * 32, SETTINGS)
PROGRAM = """
def collect(folder, limit=40):
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not os.path.isfile(path) or name.startswith("."):
            continue
        with open(path, "rb") as file:
            head = file.read(limit)
        if head[:2] == b"MZ":
            found.append((name, len(head)))
    while len(found) > limit:
        found.pop()
    return {"folder": folder, "found": found, "total": sum(size for _, size in found)}
"""
WORDS = (
    "harbour",
    "vessel",
    "tender",
    "crane",
    "cargo",
    "berth",
    "quay",
    "tide",
    "pilot",
    "customs",
    "manifest",
    "dredge",
)


def prose(seed: int, words: int = 220) -> str:
    dice = random.Random(seed)
    return " ".join(dice.choice(WORDS) + str(dice.randrange(9)) for _ in range(words))


def hashes(block: str, *, code: bool = True) -> set[int]:
    made = (WINNOWER.code if code else WINNOWER.documents)([block.encode()])
    return set(made.hashes.tolist())


def shared(first: set[int], second: set[int]) -> float:
    return len(first & second) / max(min(len(first), len(second)), 1)


def test_renamed_reformatted_and_commented_code_is_the_same() -> None:
    renamed = re.sub(r"\bfound\b", "treffer", re.sub(r"\bpath\b", "pfad_2", PROGRAM))
    spaced = PROGRAM.replace("    ", "\t").replace(" = ", "  =  ").replace("\n", "\n\n")
    commented = PROGRAM.replace(":\n", ":  # as asked\n").replace("found = []", "found = []  // a list")
    numbered = PROGRAM.replace("40", "4096")
    for changed in (renamed, spaced, commented, numbered, PROGRAM.upper().lower()):
        assert hashes(changed) == hashes(PROGRAM)


def test_by_its_text_renamed_code_is_another_and_reformatted_code_the_same() -> None:
    def text(block: str) -> set[int]:
        return set(WINNOWER.code_text([block.encode()]).hashes.tolist())

    renamed = re.sub(r"\b(found|path|name|folder|head|limit)\b", r"\1_2", PROGRAM)
    assert text(PROGRAM.replace("    ", "\t").replace(":\n", ":  # as asked\n")) == text(PROGRAM)
    assert shared(text(PROGRAM), text(renamed)) < 0.25
    assert 0.4 < shared(text(PROGRAM), text(PROGRAM.replace("name", "title"))) < 1


def test_an_edit_costs_the_fingerprints_beside_it_alone() -> None:
    lines = PROGRAM.splitlines()
    longer = "\n".join([*lines[:6], "        log(name, path)", *lines[6:]])
    assert 0.5 < shared(hashes(PROGRAM), hashes(longer)) < 1
    assert shared(hashes(PROGRAM), hashes("\n".join(lines[:9]))) > 0.5


def test_other_code_and_other_prose_share_nothing() -> None:
    other = "\n".join(
        f"if (count[{n}] > {n}) {{ total -= rate / {n + 1}; }} else {{ emit(total); }}" for n in range(12)
    )
    assert shared(hashes(PROGRAM), hashes(other)) == 0
    assert shared(hashes(prose(1), code=False), hashes(prose(2), code=False)) == 0


def test_a_document_is_known_by_a_quarter_of_it_in_other_lines_and_case() -> None:
    whole, words = prose(3), prose(3).split()
    part = "\n".join(words[60:115]).upper() + ", and so on; " + prose(4, 80)
    assert len(hashes(whole, code=False) & hashes(part, code=False)) >= 5


def test_scripts_without_blanks_have_fingerprints_too() -> None:
    text = "".join(chr(0x4E00 + random.Random(5).randrange(3000) + n % 7) for n in range(300))
    assert shared(hashes(text, code=False), hashes(text[100:], code=False)) > 0.9


def test_a_short_block_has_none_and_a_long_one_not_too_many() -> None:
    assert hashes("return x + 1") == set()
    assert len(hashes(prose(6, 40_000), code=False)) == SETTINGS.most_hashes


def test_another_key_gives_other_fingerprints() -> None:
    other = Winnower(b"o" * 32, SETTINGS).code([PROGRAM.encode()])
    assert hashes(PROGRAM).isdisjoint(other.hashes.tolist())


blocks = st.lists(st.text(alphabet="ab (){}=#/:\n\u4e2d\u00e91", max_size=400), max_size=12)


@given(blocks)
@settings(max_examples=150, deadline=None)
def test_a_block_has_the_same_fingerprints_in_any_company(texts: list[str]) -> None:
    raw = [text.encode() for text in texts]
    for work in (WINNOWER.code, WINNOWER.code_text, WINNOWER.documents):
        together = work(raw)
        assert len(together.tokens) == len(raw) == len(together.offsets) - 1
        for number, block in enumerate(raw):
            alone = work([block])
            mine = together.hashes[together.offsets[number] : together.offsets[number + 1]]
            assert mine.tolist() == alone.hashes.tolist()
            assert together.tokens[number] == alone.tokens[0]


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_whatever_is_shared_for_gram_and_window_gives_a_common_fingerprint(before: int, after: int) -> None:
    run = SETTINGS.document.gram + SETTINGS.document.window - 1
    common = " ".join(f"common{n}" for n in range(run))
    one = " ".join([prose(11, before + 40), common, prose(12, after + 40)])
    two = " ".join([prose(13, after + 40), common, prose(14, before + 40)])
    assert hashes(one, code=False) & hashes(two, code=False)


def kinds_of(prompt: str, tool_arguments: str = "") -> list[tuple[str, str]]:
    return [(field, kind) for field, kind, _ in blocks_of(NormalText(prompt, "", tool_arguments), SETTINGS)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (f"Why is this slow?\n```\n{PROGRAM}\n```", [("prompt", "code")]),
        (f"Fix it.{PROGRAM}", [("prompt", "code")]),
        (f"Shorten this:\n{prose(1)}", [("prompt", "document")]),
        (f"{prose(1)}\n```python\n{PROGRAM}```\n", [("prompt", "code"), ("prompt", "document")]),
        ("Write a poem about rain.", []),
        ("Please:\n" + "- one thing\n" * 40, []),
        ("```\nls -la\n```", []),
    ],
)
def test_what_counts_as_a_block(prompt: str, expected: list[tuple[str, str]]) -> None:
    assert kinds_of(prompt) == expected


def test_code_inside_the_arguments_of_a_tool_is_found() -> None:
    import json

    arguments = json.dumps({"path": "a.py", "edits": [{"content": PROGRAM}]})
    assert kinds_of("go on", arguments + "\n" + json.dumps({"q": 1})) == [("tool_arguments", "code")]
    assert next(blocks_of(NormalText("", "", arguments), SETTINGS))[2].decode() == PROGRAM


@pytest.mark.parametrize(
    ("attributes", "is_test"),
    [
        ('{"max_tokens":-1}', True),
        ('{"max_tokens": 0}', True),
        ('{"max_completion_tokens":99999999999}', True),
        ('{"max_tokens":4096}', False),
        ('{"max_tokens":1.5}', False),
        ('{"maximum":-1}', False),
        ("{}", False),
    ],
)
def test_only_senseless_limits_test_a_key(attributes: str, is_test: bool) -> None:
    assert is_key_test(attributes) is is_test


def test_features_are_made_once_kept_and_made_anew_alike(
    lake: Lake, keyring: Keyring, add_segment: Callable[..., None], event: Callable[..., dict]
) -> None:
    first = [event(0, f"Why?\n```\n{PROGRAM}\n```"), event(1, prose(1)), event(2, "hello")]
    add_segment("first", first)
    detect(lake, keyring, RuleSet([]), ())
    before = tables(lake)
    assert before["fingerprints"]["kind"].to_pylist() == [BlockKind.CODE, BlockKind.CODE_TEXT, BlockKind.DOCUMENT]
    assert before["request_shapes"]["event_id"].to_pylist() == ["event-0", "event-1"]
    add_segment("second", [event(3, f"```\n{PROGRAM}\n```")])
    assert detect(lake, keyring, RuleSet([]), ()).events_scanned == 1
    after = tables(lake)
    assert after["fingerprints"]["hashes"][3] == after["fingerprints"]["hashes"][0]
    assert detect(lake, keyring, RuleSet([]), ()).events_scanned == 0
    detect(lake, keyring, RuleSet([]), (), full=True)
    assert tables(lake) == after


def test_features_outlive_their_texts_and_go_with_their_segment(
    lake: Lake, keyring: Keyring, add_segment: Callable[..., None], event: Callable[..., dict]
) -> None:
    add_segment("first", [event(0, prose(1))])
    detect(lake, keyring, RuleSet([]), ())
    made = tables(lake)
    lake.commit(LakeChange(replace={"texts": ()}))
    detect(lake, keyring, RuleSet([]), (), full=True)
    assert tables(lake) == made
    lake.commit(LakeChange(replace={"events": ()}))
    detect(lake, keyring, RuleSet([]), ())
    assert {name: table.num_rows for name, table in tables(lake).items()} == {"fingerprints": 0, "request_shapes": 0}


def tables(lake: Lake) -> dict[str, pa.Table]:
    return {name: lake.read(name) for name in ("fingerprints", "request_shapes")}


def test_a_text_that_cannot_be_utf8_is_no_obstacle() -> None:
    text = EventText("e")
    assert text.prompt == ""
    assert kinds_of("\ud800" * 1200) == [("prompt", "document")]
