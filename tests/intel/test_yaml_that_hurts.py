"""YAML that ends processes or unfolds without bound is explained instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stormwatch.model.located_yaml import YamlProblem, read_documents, read_value


@pytest.mark.parametrize("read", [read_value, lambda text: list(read_documents(text))], ids=["value", "documents"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "nested deeper"),
        ("a: " + "{a: " * 20_000, "nested deeper"),
        ("- " * 20_000 + "x", "nested deeper"),
        ("a: !!timestamp x", "broken YAML"),
        ("a: !foo x", "broken YAML"),
    ],
)
def test_it_is_a_problem_that_is_named(read: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(YamlProblem, match=said):
        read(text)
