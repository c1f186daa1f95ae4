"""YAML that ends processes or unfolds without bound is explained instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stormwatch.model.located_yaml import YamlProblem, read_documents, read_texts

DEEP = ("[" * 200_000, "a: " + "{a: " * 20_000, "- " * 20_000 + "x")


@pytest.mark.parametrize("read", [read_texts, lambda text: list(read_documents(text))], ids=["texts", "documents"])
@pytest.mark.parametrize("text", DEEP, ids=["lists", "mappings", "items"])
def test_depth_is_a_problem_that_is_named(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(YamlProblem, match="nested deeper"):
        read(text)


@pytest.mark.parametrize("text", ["a: !!timestamp x", "a: !foo x"])
def test_a_tag_that_its_value_does_not_fit_is_named_or_leaves_a_text(text: str) -> None:
    with pytest.raises(YamlProblem, match="broken YAML"):
        list(read_documents(text))
    assert read_texts(text) == {"a": "x"}
