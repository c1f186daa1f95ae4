"""Ranges: bisection over boundaries gives what trying every range would give."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.intel.ranges import AddressRanges, range_of

small = st.builds(lambda last, prefix: f"192.0.2.{last}/{prefix}", st.integers(0, 255), st.integers(22, 32))


@given(st.lists(st.tuples(small, st.sampled_from("abc")), max_size=12), st.integers(0, 1023))
def test_equals_trying_every_range(ranges: list[tuple[str, str]], offset: int) -> None:
    address = str(ipaddress.ip_address("192.0.0.0") + offset)
    expected = {
        label for text, label in ranges if ipaddress.ip_address(address) in ipaddress.ip_network(text, strict=False)
    }
    assert set(AddressRanges(ranges).labels(address)) == expected


def test_families_are_apart_and_nonsense_has_no_labels() -> None:
    ranges = AddressRanges([("0.0.0.0/1", "low"), ("2001:db8::/32", "six"), ("::/0", "all")])
    assert ranges.labels("1.2.3.4") == ("low",)
    assert ranges.labels("2001:db8::1") == ("all", "six")
    assert ranges.labels("255.255.255.255") == ()
    assert ranges.labels("no address") == ()


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4/33", "1.2.3.4/-1", "::1/129", "1.2.3.4/x"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        range_of(text)
