"""Inputs that have broken readers elsewhere: depth, size, numbers that are none, half characters, copies of copies."""

from __future__ import annotations

import gzip
from typing import Final

import zstandard

_DEEP: Final = 200_000

NASTY: Final[dict[str, bytes]] = {
    "nothing": b"",
    "NUL": b"\0" * 1000,
    "a byte order mark alone": b"\xef\xbb\xbf",
    "no UTF-8": b'{"event_id": "\xff\xfe"}',
    "lone surrogates": b'{"event_id": "\\ud800", "a": "\\udfff\\ud800"}',
    "deep lists": b"[" * _DEEP,
    "deep lists, closed": b"[" * _DEEP + b"]" * _DEEP,
    "deep objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "deep flow mappings": b"a: " + b"{a: " * 20_000,
    "deep block lists": b"- " * 20_000,
    "deep quotes": b"? " * 20_000,
    "a number of a million digits": b'{"time": ' + b"9" * 1_000_000 + b"}",
    "an exponent": b'{"startTime": 1e999999, "input_tokens": -1e400}',
    "a YAML number of many digits": b"mapping: " + b"9" * 100_000,
    "a YAML number in base 60": b"mapping: " + b"1:" * 20_000 + b"1",
    "a YAML time that is none": b"name: 2026-99-99T99:99:99Z",
    "not a number": b'{"startTime": NaN, "duration_ms": Infinity}',
    "copies of copies": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)),
    "a copy of itself": b"a: &a [*a]\n",
    "a YAML object of Python": b"!!python/object/apply:os.system ['true']\n",
    "a YAML tag": b"a: !foo {b: !!binary '%%%', c: !!timestamp x, d: !!int x, e: !!float x}\n",
    "many documents": b"---\n" * 5000,
    "tabs": b"a:\n\t- b\n",
    "a long line": b"x" * 1_000_000,
    "many lines": b"\n" * 50_000,
    "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(10_000)) + b"}",
    "the same key": b"{" + b",".join([b'"event_id":"x"'] * 10_000) + b"}",
    "a bomb of gzip": gzip.compress(b"\0" * 40_000_000, 9),
    "a bomb of zstd": zstandard.compress(b"\0" * 40_000_000),
    "many members of gzip": gzip.compress(b"") * 20_000,
    "many frames of zstd": zstandard.compress(b"") * 20_000,
    "a cut gzip": gzip.compress(b"x" * 1000)[:-9],
    "a table of one column": b"kind,value\n" + b'"' + b"x" * 300_000,
    "a table of many columns": b"kind,value" + b"," * 100_000,
    "spaces": b"kind,value\nurl," + b" " * 200_000 + b"\n",
    "colons": b"kind,value\nipv6-addr," + b":" * 200_000 + b"\n",
    "dots": b"kind,value\ndomain," + b"a." * 100_000 + b"\n",
}
