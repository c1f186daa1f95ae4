"""From groups of accounts to clusters: ids that stay from hunt to hunt, and what became of former clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stormwatch.model.ids import derived_id


@dataclass(frozen=True, slots=True)
class Cluster:
    """Accounts held to be one operator's, with the ids the cluster had before; `merged_into` marks a former one."""

    cluster_id: str
    account_ids: tuple[str, ...]
    previous_ids: tuple[str, ...] = ()
    merged_into: str | None = None


def inherit_ids(
    groups: Sequence[tuple[str, ...]], previous: Sequence[Cluster], first_event_us: Mapping[str, int]
) -> Sequence[Cluster]:
    """Names the groups of this hunt.

    A group inherits the id of the predecessor that it shares most accounts with (tie: the one with the earliest event);
    a predecessor that went up in another group stays on record with `merged_into`.
    """
    living = {old.cluster_id: old for old in previous if old.merged_into is None}
    owner = {account: old.cluster_id for old in living.values() for account in old.account_ids}
    claims = sorted(_claims(groups, owner, living, first_event_us))
    heir: dict[str, int] = {}
    named: dict[int, str] = {}
    for _, _, old_id, index in claims:
        if old_id not in heir and index not in named:
            heir[old_id], named[index] = index, old_id
    absorbed = _absorbed(groups, owner, heir)
    return [*_current(groups, living, named, absorbed), *_former(previous, groups, named, heir, absorbed)]


def _claims(
    groups: Sequence[tuple[str, ...]],
    owner: Mapping[str, str],
    living: Mapping[str, Cluster],
    first_event_us: Mapping[str, int],
) -> Iterator[tuple[int, int, str, int]]:
    for index, group in enumerate(groups):
        for old_id, shared in Counter(owner[account] for account in group if account in owner).items():
            earliest = min((first_event_us.get(account, 0) for account in living[old_id].account_ids), default=0)
            yield -shared, earliest, old_id, index


def _absorbed(
    groups: Sequence[tuple[str, ...]], owner: Mapping[str, str], heir: Mapping[str, int]
) -> Mapping[str, int]:
    found: dict[str, Counter[int]] = {}
    for index, group in enumerate(groups):
        for account in group:
            if account in owner and owner[account] not in heir:
                found.setdefault(owner[account], Counter())[index] += 1
    return {old_id: min(counts, key=lambda index: (-counts[index], index)) for old_id, counts in found.items()}


def _current(
    groups: Sequence[tuple[str, ...]],
    living: Mapping[str, Cluster],
    named: Mapping[int, str],
    absorbed: Mapping[str, int],
) -> Iterator[Cluster]:
    for index, group in enumerate(groups):
        swallowed = [old_id for old_id, into in absorbed.items() if into == index]
        if index in named:
            earlier = (*living[named[index]].previous_ids, *swallowed)
            yield Cluster(named[index], group, tuple(dict.fromkeys(earlier)))
        else:
            yield Cluster(derived_id("cluster", *group), group, tuple(swallowed))


def _former(
    previous: Sequence[Cluster],
    groups: Sequence[tuple[str, ...]],
    named: Mapping[int, str],
    heir: Mapping[str, int],
    absorbed: Mapping[str, int],
) -> Iterator[Cluster]:
    for old in previous:
        if old.merged_into is not None:
            yield old
        elif old.cluster_id not in heir and old.cluster_id in absorbed:
            index = absorbed[old.cluster_id]
            into = named.get(index) or derived_id("cluster", *groups[index])
            yield Cluster(old.cluster_id, old.account_ids, old.previous_ids, into)
