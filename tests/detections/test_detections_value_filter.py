"""Whole columns say of each value what the look-ups say of it: no indicator is missed, none invented."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.ipv4_text import ipv4_numbers
from stormwatch.detections.indicators.value_filter import ValueFilter
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind

OCTET = st.integers(0, 3).map(str) | st.sampled_from(["00", "01", "255", "256", "999", "1000", "", "x", "-1", "٣"])
DOTTED = st.lists(OCTET, min_size=1, max_size=5).map(".".join)
WIDE = st.sampled_from(
    ["2001:db8::1", "2001:db8:1::", "2001:DB8::1", "::ffff:1.2.3.0", "::", "1::2::3", ":", "fe80::1%x"]
)
LABEL = st.sampled_from(["a", "b", "evil", "EVIL", "", "example", "ü"])
NAME = st.lists(LABEL, max_size=4).map(".".join)
TEXT = DOTTED | WIDE | NAME | st.text(max_size=12)


@given(st.lists(TEXT, max_size=30), st.integers(0, 3))
def test_addresses_are_read_as_the_operating_system_reads_them(texts: list[str], skipped: int) -> None:
    numbers, valid = ipv4_numbers(pa.array(texts, pa.string())[skipped:])
    for text, number, good in zip(texts[skipped:], numbers, valid, strict=True):
        try:
            expected = int.from_bytes(socket.inet_pton(socket.AF_INET, text))
        except (OSError, ValueError):
            expected = None
        assert (int(number) if good else None) == expected, text


def told(kind: ObservableKind, value: str) -> Indicator:
    return Indicator(f"{kind}-{value}", Observable(kind, value), 0)


NETWORKS = st.builds(
    lambda address, length: f"{address}/{length}",
    st.lists(st.integers(0, 3), min_size=4, max_size=4).map(lambda parts: ".".join(map(str, parts))),
    st.integers(20, 32),
) | st.sampled_from(["2001:db8::/32", "2001:db8::1", "::/0", "0.0.0.0/0", "no network"])
INDICATORS = st.lists(
    st.builds(told, st.just(ObservableKind.CIDR), NETWORKS)
    | st.builds(told, st.just(ObservableKind.DOMAIN), NAME)
    | st.builds(told, st.just(ObservableKind.EMAIL), NAME.map(lambda name: f"me@{name}"))
    | st.builds(told, st.just(ObservableKind.URL), NAME.map(lambda name: f"http://{name}/x"))
    | st.builds(told, st.just(ObservableKind.MD5), st.sampled_from(["aa", "bb"]))
    | st.builds(told, st.just(ObservableKind.USER_AGENT), TEXT)
    | st.builds(told, st.just(ObservableKind.SOFTWARE), st.text("abcd \x00İ", min_size=3, max_size=6)),
    max_size=12,
)
VALUES = st.lists(
    TEXT
    | NAME.map(lambda name: f"me@{name}")
    | NAME.map(lambda name: f"HTTP://{name}/x/")
    | st.sampled_from(["aa", "bb"])
    | st.text("abcdAB \x00İ", max_size=20),
    unique=True,
    max_size=30,
)


@given(INDICATORS, VALUES)
def test_the_filter_and_the_index_agree(indicators: list[Indicator], values: list[str]) -> None:
    index = IndicatorIndex(indicators)
    chosen, column = ValueFilter(index), pa.array(values, pa.string())

    def agree(found: object, look_up: Callable[[str], list[Indicator]]) -> None:
        assert list(found) == [bool(look_up(value)) for value in values]  # type: ignore[call-overload]

    agree(chosen.addresses(column), index.of_address)
    agree(chosen.domains(column), index.of_domain)
    agree(chosen.user_agents(column), index.of_user_agent)
    for kind in (
        ObservableKind.IPV4,
        ObservableKind.DOMAIN,
        ObservableKind.EMAIL,
        ObservableKind.URL,
        ObservableKind.MD5,
    ):
        agree(chosen.observables(kind, column), lambda value, kind=kind: index.of_observable(Observable(kind, value)))


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["203.0.113.9"], ["é", "203.0.113.9", ""]])
def test_odd_columns(texts: list[str]) -> None:
    numbers, valid = ipv4_numbers(pa.array(texts, pa.string()))
    assert [int(number) for number in numbers[valid]] == [3405803785] * texts.count("203.0.113.9")
