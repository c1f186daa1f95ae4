"""Wallets, packages, debug paths, registry keys, mutexes, CVE ids and pseudonyms are found, and no ordinary code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.text.normalise import NormalText

EXTRACTOR = ArtefactExtractor()


def found(text: str) -> set[tuple[str, str]]:
    artefacts = EXTRACTOR.extract(NormalText(text, "", ""))
    return {(artefact.observable.kind.value, artefact.observable.value) for artefact in artefacts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 now", ("wallet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")),
        ("to BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4.", ("wallet", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")),
        ("0x52908400098527886E0F7030069857D2E4169EE7", ("wallet", "0x52908400098527886e0f7030069857d2e4169ee7")),
        ("run pip install --upgrade quiet-helper==1.2", ("package", "pypi:quiet-helper")),
        ("npm i @made-up/loader", ("package", "npm:@made-up/loader")),
        ('applicationId "org.example.quiet.stick"', ("package", "org.example.quiet.stick")),
        (r"D:\work\quiet\Release\agent.pdb", ("file-path", r"d:\work\quiet\release\agent.pdb")),
        (r"HKEY_CURRENT_USER\Software\Quiet\Run", ("windows-registry-key", r"hkcu\software\quiet\run")),
        ('CreateMutexW(NULL, TRUE, L"Global\\\\quiet-7f")', ("mutex", "quiet-7f")),
        ("is cve-2031-12345 fixed?", ("vulnerability", "CVE-2031-12345")),
        ("use [redacted:api-key:0123456789abcdef] here", ("pseudonym", "api-key:0123456789abcdef")),
    ],
)
def test_technical_names_are_found(text: str, expected: tuple[str, str]) -> None:
    assert found(text) == {expected}


@pytest.mark.parametrize(
    "text",
    [
        "os.path.join(a, b); System.out.println(x); import org.apache.commons.lang3.StringUtils;",
        "version 1.2.3.4, build 10.0.19045.1, v1.2.3",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3 and bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "0x0000000000000000000000000000000000000000",
        "pip install -r requirements.txt",
        "npm install",
        "package com.example.app; the package name is unknown",
        r"C:\Users\me\notes.txt and /usr/lib/a.pdb.gz",
        "HKLM holds settings; a global variable; CVE-20-1; cve ids",
        "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw==",
        "[redacted] and [redacted:]",
    ],
)
def test_what_only_resembles_one_is_left_alone(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    "piece", ["1B", "bc1q", "0x", "pip install ", "HKLM\\a\\", "C:\\a\\", "CreateMutex(", "CVE-2031-", "[redacted:"]
)
def test_a_megabyte_of_anything_ends(piece: str) -> None:
    found(piece * (1_000_000 // len(piece)))


@given(st.text(alphabet='bc1qx0\\:. HKLM[]redacted-CVE2031pipinstall"(', max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    found(text)
