"""Blocks of bytes to winnowing fingerprints, many blocks at once (Schleimer, Wilkerson and Aiken, 2003).

Blanks, case and, in code, comments to the end of a line change nothing; where shape alone is compared, neither do names
and numbers. What two blocks share for `gram + window - 1` tokens gives both a common fingerprint. All work is on
arrays: over the bytes of a batch to find its tokens, over the tokens from there on; grams and windows by doubling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
import numpy.typing as npt

from stormwatch.detections.fingerprints.fingerprint_settings import FingerprintSettings, GramSettings

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_LONGEST_BATCH: Final = 1 << 17  # bytes hashed at once: the arrays of one batch stay in the processor's cache
_LONGEST_TOKEN: Final = 64  # bytes of a name that count
_NONE: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
# Classes of bytes. The lowest bit tells what may belong to a word; two and more begin a token of their own.
_BLANK, _WORD, _MARK, _WIDE = range(4)
_SLOTS: Final = 1 << 14
_NEWLINE, _HASH, _SLASH, _COLON = (ord(character) for character in "\n#/:")


class _Compared(Enum):
    """What of a block counts: code by its shape or its text, prose by its words."""

    SHAPE = auto()
    TEXT = auto()
    WORDS = auto()


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of each block of a batch: how many tokens it has, and its hashes from `offsets[i]` up to `offsets[i + 1]`."""

    tokens: Places
    offsets: Places
    hashes: npt.NDArray[np.int64]


class Winnower:
    """Hashes under a key, so that stored fingerprints tell nothing to who does not hold it."""

    def __init__(self, key: bytes, settings: FingerprintSettings) -> None:
        chance = np.random.default_rng(int.from_bytes(key, "big"))
        self._seed, self._name, self._number = chance.integers(0, 1 << 64, 3, dtype=np.uint64)
        self._factor, self._gram_step = (int(number) | 1 for number in chance.integers(0, 1 << 64, 2, dtype=np.uint64))
        self._settings: Final = settings
        words = " ".join(settings.keywords.split()).encode()
        raw = np.frombuffer(words + bytes(8), np.uint8)
        keywords = self._token_hashes(raw, *_tokens(np.frombuffer(words.translate(_CODE_CLASSES), np.uint8))[:2])
        self._shift, self._keywords = _slots(keywords)

    def code(self, blocks: Sequence[bytes]) -> Fingerprints:
        """The fingerprints of blocks of code, compared by their shape."""
        return self._in_batches(blocks, self._settings.code, _Compared.SHAPE)

    def code_text(self, blocks: Sequence[bytes]) -> Fingerprints:
        """The fingerprints of blocks of code, names and numbers included."""
        return self._in_batches(blocks, self._settings.code_text, _Compared.TEXT)

    def documents(self, blocks: Sequence[bytes]) -> Fingerprints:
        """The fingerprints of blocks of prose, compared by their words."""
        return self._in_batches(blocks, self._settings.document, _Compared.WORDS)

    def _in_batches(self, blocks: Sequence[bytes], settings: GramSettings, compared: _Compared) -> Fingerprints:
        parts: list[Fingerprints] = []
        start, size = 0, 0
        for place, block in enumerate(blocks):
            if size and size + len(block) > _LONGEST_BATCH:
                parts.append(self._batch(blocks[start:place], settings, compared))
                start, size = place, 0
            size += len(block)
        if start < len(blocks):
            parts.append(self._batch(blocks[start:], settings, compared))
        counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)])
        nothing = np.zeros(0, np.int64)
        return Fingerprints(
            np.concatenate([nothing, *(part.tokens for part in parts)]),
            np.cumsum(counts),
            np.concatenate([nothing, *(part.hashes for part in parts)]),
        )

    def _batch(self, blocks: Sequence[bytes], settings: GramSettings, compared: _Compared) -> Fingerprints:
        text = b"\n".join(blocks).translate(_LOWER) + b"\n"
        raw = np.frombuffer(text + bytes(8), np.uint8)
        starts, lengths, classes = _tokens(
            np.frombuffer(text.translate(_PROSE_CLASSES if compared is _Compared.WORDS else _CODE_CLASSES), np.uint8)
        )
        if compared is not _Compared.WORDS:
            said = _outside_comments(raw, starts, classes)
            starts, lengths, classes = starts[said], lengths[said], classes[said]
        values = self._token_hashes(raw, starts, lengths)
        if compared is _Compared.SHAPE:
            values = self._by_shape(values, classes, raw[starts])
        ends = np.cumsum(np.fromiter(map(len, blocks), np.int64, len(blocks)) + 1)
        tokens = np.diff(np.searchsorted(starts, ends), prepend=0)
        block_of = np.repeat(np.arange(len(blocks)), tokens)
        chosen, of_block = _winnow(_mixed(self._grams(values, settings.gram), self._factor), block_of, settings)
        enough = tokens[of_block] >= settings.fewest_tokens
        return _gathered(chosen[enough], of_block[enough], tokens, self._settings.most_hashes)

    def _token_hashes(self, raw: npt.NDArray[np.uint8], starts: Places, lengths: Places) -> Hashes:
        """Eight bytes of every token at a time, as one number each; `raw` ends in eight bytes that belong to none."""
        eights = np.ndarray((max(len(raw) - 7, 0),), np.dtype("<u8"), raw.data, strides=(1,))
        hashes = _mixed((eights[starts] & _MASKS[np.minimum(lengths, 8)]) ^ self._seed, self._factor)
        for skipped in range(8, _LONGEST_TOKEN, 8):
            long = np.flatnonzero(lengths > skipped)
            if not len(long):
                break
            more = eights[starts[long] + skipped] & _MASKS[np.minimum(lengths[long] - skipped, 8)]
            hashes[long] = _mixed(hashes[long] ^ more, self._factor)
        return hashes

    def _by_shape(self, values: Hashes, classes: npt.NDArray[np.uint8], first: npt.NDArray[np.uint8]) -> Hashes:
        kept = self._keywords[(values >> self._shift) & np.uint64(_SLOTS - 1)] == values
        names = np.where((first >= ord("0")) & (first <= ord("9")), self._number, self._name)
        return np.where((classes & 1 == 1) & ~kept, names, values)

    def _grams(self, values: Hashes, size: int) -> Hashes:
        """The hash of each run of `size` tokens; the last `size - 1` places hold what means nothing."""
        grams, step, length = values, self._gram_step, 1
        while length < size:
            longer = grams * np.uint64(step)
            longer[:-length] += grams[length:]
            grams, step, length = longer, step * step & int(_NONE), 2 * length
        return grams


def _tokens(classes: npt.NDArray[np.uint8]) -> tuple[Places, Places, npt.NDArray[np.uint8]]:
    """Where tokens begin, how long they are, and their class: word, mark, or letter of a script without blanks."""
    in_word = classes & 1
    edge = classes >> 1
    edge[1:] |= in_word[1:] ^ in_word[:-1]
    edge[:1] |= in_word[:1]
    edges = np.flatnonzero(edge)
    of_edge = classes[edges]
    lengths = np.diff(edges, append=len(classes))
    filled = of_edge != _BLANK
    starts, of_token = edges[filled], of_edge[filled]
    return starts, np.where(of_token == _MARK, 1, lengths[filled]), of_token


def _outside_comments(
    raw: npt.NDArray[np.uint8], starts: Places, classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    """Tokens that do not stand behind a `#` or `//` (`://` is none) in their line."""
    marks = starts[classes == _MARK]
    first = raw[marks]
    slashes = (first == _SLASH) & (raw[marks + 1] == _SLASH) & (raw[np.maximum(marks - 1, 0)] != _COLON)
    opens = marks[(first == _HASH) | slashes]
    if not len(opens):
        return np.ones(len(starts), bool)
    lines = np.flatnonzero(raw == _NEWLINE)
    ends = lines[np.searchsorted(lines, opens)]
    before = np.searchsorted(opens, starts, side="right") - 1
    outside: npt.NDArray[np.bool_] = (before < 0) | (starts > ends[before])
    return outside


def _winnow(grams: Hashes, block_of: Places, settings: GramSettings) -> tuple[Hashes, Places]:
    """The least gram of every window, without repeats that follow each other, and the block of each."""
    count = len(grams) - settings.gram + 1
    if count <= 0:
        return grams[:0], block_of[:0]
    of_block = block_of[:count]
    whole = of_block == block_of[settings.gram - 1 :]
    least = np.where(whole, grams[:count], _NONE)
    length = 1
    while length < settings.window:  # between two blocks lie gram - 1 places without a gram, so no window sees both
        shorter = least
        least = shorter.copy()
        np.minimum(shorter[:-length], shorter[length:], out=least[:-length])
        length *= 2
    span = settings.window - 1
    wanted = np.ones(count, bool)  # a window for each gram but the last few of a block, whose windows are cut short
    wanted[: max(count - span, 0)] = whole[span:] & (of_block[span:] == of_block[: max(count - span, 0)])
    wanted[max(count - span, 0) :] = False
    wanted[0] = True
    wanted[1:] |= of_block[1:] != of_block[:-1]
    windows = np.flatnonzero(whole & wanted)
    chosen, blocks = least[windows], of_block[windows]
    new = np.ones(len(chosen), bool)
    new[1:] = (chosen[1:] != chosen[:-1]) | (blocks[1:] != blocks[:-1])
    return chosen[new], blocks[new]


def _gathered(chosen: Hashes, of_block: Places, tokens: Places, most: int) -> Fingerprints:
    counts = np.bincount(of_block, minlength=len(tokens))
    if len(counts) and counts.max() > most:
        order = np.lexsort((chosen, of_block))
        chosen, of_block = chosen[order], of_block[order]
        new = np.ones(len(chosen), bool)
        new[1:] = (chosen[1:] != chosen[:-1]) | (of_block[1:] != of_block[:-1])
        chosen, of_block = chosen[new], of_block[new]
        counts = np.bincount(of_block, minlength=len(tokens))
        rank = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = chosen[rank < most]
        counts = np.minimum(counts, most)
    return Fingerprints(tokens, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), chosen.view(np.int64))


def _mixed(values: Hashes, factor: int) -> Hashes:
    mixed = (values ^ (values >> np.uint64(32))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(29))


def _slots(keywords: Hashes) -> tuple[np.uint64, Hashes]:
    """A table in which every keyword has a slot of its own, told by some of its bits; found in a few tries."""
    slots = np.zeros(_SLOTS, np.uint64)
    for shift in range(50):
        places = (keywords >> np.uint64(shift)) & np.uint64(_SLOTS - 1)
        if len(np.unique(places)) == len(np.unique(keywords)):
            slots[places] = keywords
            return np.uint64(shift), slots
    raise AssertionError("two keywords have one hash")  # a chance of one in 2 ** 50


def _classes(*, marks: int) -> bytes:
    table = bytearray([marks] * 256)
    table[:33] = bytes(33)
    table[127] = _BLANK
    table[128:] = bytes([_WORD] * 128)
    for low, high in (("0", "9"), ("A", "Z"), ("a", "z"), ("_", "_")):
        table[ord(low) : ord(high) + 1] = bytes([_WORD] * (ord(high) - ord(low) + 1))
    table[0xE3:0xEE] = bytes([_WIDE] * (0xEE - 0xE3))  # first byte of Han, kana and Hangul in UTF-8: no blanks there
    return bytes(table)


_LOWER: Final = bytes(range(256)).lower()
_CODE_CLASSES: Final = _classes(marks=_MARK)
_PROSE_CLASSES: Final = _classes(marks=_BLANK)
_MASKS: Final = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)
