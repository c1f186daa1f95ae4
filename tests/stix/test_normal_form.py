"""Normal form: defanged, ported and differently spelt observables become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import ObservableKind


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (ObservableKind.DOMAIN, " Evil[.]Example(.)Org. ", "evil.example.org"),
        (ObservableKind.DOMAIN, "bücher.example", "xn--bcher-kva.example"),
        (ObservableKind.IPV4, "198.51.100.2/32", "198.51.100.2"),
        (ObservableKind.IPV6, "[2001:DB8:0::1]:443", "2001:db8::1"),
        (ObservableKind.IPV6, "::ffff:198.51.100.2", "198.51.100.2"),
        (ObservableKind.CIDR, "198.51.100.7/24", "198.51.100.0/24"),
        (ObservableKind.URL, "hxxps[:]//Evil[.]example:443/", "https://evil.example"),
        (ObservableKind.URL, "http://evil.example/a#part", "http://evil.example/a"),
        (ObservableKind.EMAIL, "a[at]example[.]org", "a@example.org"),
    ],
)
def test_spellings_become_one(kind: ObservableKind, raw: str, value: str) -> None:
    assert observable_of(kind, raw).value == value


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (ObservableKind.DOMAIN, "localhost"),
        (ObservableKind.DOMAIN, "1.2.3.4"),
        (ObservableKind.DOMAIN, "*.example.org"),
        (ObservableKind.IPV4, "300.1.1.1"),
        (ObservableKind.URL, "evil.example/gate"),
        (ObservableKind.EMAIL, "nobody"),
        (ObservableKind.SHA256, "zz"),
        (ObservableKind.SOFTWARE, "\x1b[31mred"),
        (ObservableKind.SOFTWARE, ""),
        (ObservableKind.SOFTWARE, "x" * 5000),
    ],
)
def test_what_is_no_such_thing_is_refused(kind: ObservableKind, raw: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        observable_of(kind, raw)


@given(st.sampled_from(ObservableKind), st.text(max_size=60))
def test_normal_form_is_stable(kind: ObservableKind, raw: str) -> None:
    try:
        once = observable_of(kind, raw)
    except ValueError:
        return
    assert observable_of(once.kind, once.value) == once
