"""What was found, missed and falsely accused, against the truth that nobody read before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from stormwatch.attribution.naming import hypothesis_words

_CALLED: Final = {
    "lineage": "throw-away accounts that change one program",
    "stolen-key": "people who use others' keys",
    "unknown": "an actor whom nobody tracks",
}
_COLUMNS: Final = ("account_id", "class", "kind")


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of accounts: planted ones by campaign (found, of), false accusations by kind, suspected innocents."""

    found: Counter[str]
    planted: Counter[str]
    false_accusations: Counter[str]
    abusers: int
    suspected_innocents: Counter[str]
    suspended: int
    linked_only_is_planted: bool

    @property
    def prose(self) -> str:
        """The score in words."""
        lines = [f"planted accounts suspended: {self.found.total()} of {self.planted.total()}"]
        lines += [f"  {_called(kind):46} {self.found[kind]} of {self.planted[kind]}" for kind in sorted(self.planted)]
        accused = ", ".join(f"{count} {kind}" for kind, count in self.false_accusations.most_common()) or "none"
        suspected = ", ".join(f"{count} {kind}" for kind, count in self.suspected_innocents.most_common()) or "none"
        lines += [
            f"false accusations (innocents suspended): {accused}",
            f"innocents in a case that people did not act on: {suspected}",
        ]
        if self.abusers:
            lines.append(f"abusers without a state behind them among the suspended: {self.abusers}")
        return "\n".join(lines)


def _called(kind: str) -> str:
    return _CALLED.get(kind) or hypothesis_words(kind)


def score(truth: Path, suspended: Collection[str], in_cases: Collection[str], linked_only: str) -> Score:
    """Compares the outcome with truth.parquet. `in_cases` are all accounts that any case holds."""
    rows = pq.read_table(truth, columns=list(_COLUMNS)).to_pylist()
    planted = [row for row in rows if row["class"] == "planted"]
    innocent = [row for row in rows if row["class"] in {"benign", "confounder"}]
    acted, suspected = set(suspended), set(in_cases) - set(suspended)
    return Score(
        found=Counter(row["kind"] for row in planted if row["account_id"] in acted),
        planted=Counter(row["kind"] for row in planted),
        false_accusations=Counter(row["kind"] for row in innocent if row["account_id"] in acted),
        abusers=sum(row["class"] == "non-state-abuse" for row in rows if row["account_id"] in acted),
        suspected_innocents=Counter(row["kind"] for row in innocent if row["account_id"] in suspected),
        suspended=len(acted),
        linked_only_is_planted=any(row["account_id"] == linked_only for row in planted),
    )
