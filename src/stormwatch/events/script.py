"""The dominant writing system of a text, as an ISO 15924 code."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

_SAMPLE: Final = 512

# First and last code point of the blocks that hold a script's letters (Unicode 15, Blocks.txt).
_RANGES: Final = (
    ("Latn", 0x0041, 0x005F), ("Latn", 0x0061, 0x007F), ("Latn", 0x00C0, 0x024F), ("Latn", 0x1E00, 0x1EFF),
    ("Grek", 0x0370, 0x03FF), ("Grek", 0x1F00, 0x1FFF), ("Cyrl", 0x0400, 0x052F), ("Armn", 0x0530, 0x058F),
    ("Hebr", 0x0590, 0x05FF), ("Arab", 0x0600, 0x06FF), ("Arab", 0x0750, 0x077F), ("Arab", 0x08A0, 0x08FF),
    ("Arab", 0xFB50, 0xFDFF), ("Arab", 0xFE70, 0xFEFF), ("Syrc", 0x0700, 0x074F), ("Deva", 0x0900, 0x097F),
    ("Beng", 0x0980, 0x09FF), ("Guru", 0x0A00, 0x0A7F), ("Gujr", 0x0A80, 0x0AFF), ("Taml", 0x0B80, 0x0BFF),
    ("Telu", 0x0C00, 0x0C7F), ("Knda", 0x0C80, 0x0CFF), ("Mlym", 0x0D00, 0x0D7F), ("Sinh", 0x0D80, 0x0DFF),
    ("Thai", 0x0E00, 0x0E7F), ("Laoo", 0x0E80, 0x0EFF), ("Tibt", 0x0F00, 0x0FFF), ("Mymr", 0x1000, 0x109F),
    ("Geor", 0x10A0, 0x10FF), ("Hang", 0x1100, 0x11FF), ("Ethi", 0x1200, 0x137F), ("Khmr", 0x1780, 0x17FF),
    ("Mong", 0x1800, 0x18AF), ("Jpan", 0x3040, 0x30FF), ("Hang", 0x3130, 0x318F), ("Hani", 0x3400, 0x4DBF),
    ("Hani", 0x4E00, 0x9FFF), ("Hang", 0xAC00, 0xD7AF), ("Hani", 0xF900, 0xFAFF), ("Latn", 0xFF20, 0xFF5F),
    ("Jpan", 0xFF60, 0xFF9F), ("Hani", 0x20000, 0x323AF),
)  # fmt: skip
# In the order in which they win where two are equally frequent.
_SCRIPTS: Final = tuple(sorted({name for name, _, _ in _RANGES}, reverse=True))
_LETTER: Final = re.compile("[A-Za-z]")
# Frequent characters that one of the two reforms of Han writing does not have.
_SIMPLIFIED: Final = "们这说国学时对会为来个过还开关见车长门问间东风马书语汉点电话头"
_TRADITIONAL: Final = "們這說國學時對會為來個過還開關見車長門問間東風馬書語漢點電話頭"


def dominant_script(text: str) -> str | None:
    """Latn, Cyrl, Arab, Hans, Hant, Jpan, Hang, ...; None without letters. Looks at the first 512 characters."""
    sample = text[:_SAMPLE]
    if sample.isascii():
        return "Latn" if _LETTER.search(sample) else None
    letters = _letters()
    points = np.frombuffer(sample.encode("utf-32-le", "surrogatepass"), "<u4")
    numbers = letters.take(points, mode="clip")
    # As a list: to look at single numbers of an array takes longer than to count them.
    counts: list[int] = np.bincount(numbers, minlength=_COUNTS).tolist()
    simplified, traditional = counts[_SIMPLIFIED_HAN], counts[_TRADITIONAL_HAN]
    counts[_HAN] += simplified + traditional
    if counts[_KANA]:
        counts[_KANA] += counts[_HAN]
        counts[_HAN] = 0
    counts[0] = counts[_SIMPLIFIED_HAN] = counts[_TRADITIONAL_HAN] = 0
    most = max(counts)
    if not most:
        return None
    number = counts.index(most)
    if number == _HAN:
        return "Hant" if traditional > simplified else "Hans"
    return _SCRIPTS[number - 1]


_NUMBERS: Final = {name: number for number, name in enumerate(_SCRIPTS, 1)}
_KANA: Final = _NUMBERS["Jpan"]
_HAN: Final = _NUMBERS["Hani"]
# Characters of one reform alone are counted apart.
_SIMPLIFIED_HAN: Final = len(_SCRIPTS) + 1
_TRADITIONAL_HAN: Final = len(_SCRIPTS) + 2
_COUNTS: Final = len(_SCRIPTS) + 3


@cache
def _letters() -> npt.NDArray[np.uint8]:
    """By code point: the number of the script that a letter belongs to, 0 where it is no letter of a known one."""
    found = np.zeros(max(last for _, _, last in _RANGES) + 2, np.uint8)
    for name, first, last in _RANGES:
        number = _NUMBERS[name]
        found[first : last + 1] = [number if chr(point).isalpha() else 0 for point in range(first, last + 1)]
    found[[ord(character) for character in _SIMPLIFIED]] = _SIMPLIFIED_HAN
    found[[ord(character) for character in _TRADITIONAL]] = _TRADITIONAL_HAN
    return found
