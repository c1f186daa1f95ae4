"""What is true of a world, kept apart from what a provider sees: truth.parquet and campaigns.json."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stormwatch.model.times import format_rfc3339
from stormwatch.simulate.campaigns import Campaign
from stormwatch.simulate.cast import Account
from stormwatch.simulate.usage import Usage

SCHEMA: Final = pa.schema(
    [
        ("account_id", pa.string()),
        ("class", pa.string()),
        ("kind", pa.string()),
        ("group_id", pa.string()),
        ("campaign_id", pa.string()),
        ("actor", pa.string()),
        ("isolated", pa.bool_()),
        ("content_tie", pa.bool_()),
        ("oracle_topic_events", pa.int64()),
        ("lang", pa.string()),
        ("n_events", pa.int64()),
        ("on_goal_event_ids", pa.list_(pa.string())),
    ]
)


class TruthKeeper:
    """Collects, while events are written, what cannot be known from the plan."""

    def __init__(self) -> None:
        self._events = Counter[str]()
        self._goals = defaultdict[str, list[str]](list)
        self._first = dict[str, str]()
        self._used = defaultdict[str, set[str]](set)

    def saw(self, event: Usage, account: Account, *, on_goal: bool) -> None:
        """One event was written."""
        self._events[account.account_id] += 1
        if on_goal:
            self._goals[account.account_id].append(event.event_id)
            self._first.setdefault(account.role.campaign_id, event.time)
        if account.role.category == "planted":
            for value in (event.source_ip, event.device_id, event.api_key_id):
                if value is not None:
                    self._used[account.account_id].add(value)

    @property
    def on_goal_events(self) -> int:
        """How many events served a campaign's goal."""
        return sum(len(ids) for ids in self._goals.values())

    def write(self, path: Path, accounts: Sequence[Account]) -> None:
        """truth.parquet, a row per account in the order of accounts."""
        isolated = self._isolated(accounts)
        rows = [self._row(account, account.account_id in isolated) for account in accounts]
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, compression="zstd")

    def _row(self, account: Account, isolated: bool) -> dict[str, Any]:  # noqa: FBT001 - a column
        goals = self._goals[account.account_id]
        goal = account.personas[-1].voice.goal
        tie = account.role.category == "planted" and goal is not None and bool(goal.script)
        return {
            "account_id": account.account_id,
            "class": account.role.category,
            "kind": account.role.kind,
            "group_id": account.role.group_id,
            "campaign_id": account.role.campaign_id,
            "actor": account.role.actor,
            "isolated": isolated and not tie,
            "content_tie": tie,
            "oracle_topic_events": len(goals),
            "lang": account.language,
            "n_events": self._events[account.account_id],
            "on_goal_event_ids": goals,
        }

    def _isolated(self, accounts: Sequence[Account]) -> set[str]:
        """Planted accounts that share no address, device, key, payment or mail domain of few with their campaign."""
        planted = [account for account in accounts if account.role.category == "planted"]
        holders = defaultdict[tuple[str, str], set[str]](set)
        for account in planted:
            for value in self._shareable(account):
                holders[account.role.campaign_id, value].add(account.account_id)
        joined = {one for group in holders.values() if len(group) > 1 for one in group}
        return {account.account_id for account in planted} - joined

    def _shareable(self, account: Account) -> set[str]:
        record = account.record
        own = {record.payment_fingerprint, record.device_id} - {None}
        return self._used[account.account_id] | {value for value in own if value is not None}

    def campaigns(self, campaigns: Sequence[Campaign], accounts: Sequence[Account]) -> dict[str, Any]:
        """The content of campaigns.json."""
        members, owners = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        abusers = dict[str, tuple[str, list[str]]]()
        for account in accounts:
            role = account.role
            if role.category == "planted":
                members[role.campaign_id].append(account.account_id)
            elif role.kind == "stolen-key-owner":
                owners[role.group_id.removeprefix("stolen-")].append(account.account_id)
            elif role.category == "non-state-abuse":
                abusers.setdefault(role.group_id, (role.kind, list[str]()))[1].append(account.account_id)
        return {
            "campaigns": [self._campaign(one, members, owners) for one in campaigns],
            "non_state": [
                {"campaign_id": group, "type": kind, "actor": "non-state-abuse", "account_ids": ids}
                for group, (kind, ids) in abusers.items()
            ],
        }

    def _campaign(self, one: Campaign, members: dict[str, list[str]], owners: dict[str, list[str]]) -> dict[str, Any]:
        return {
            "campaign_id": one.campaign_id,
            "type": one.name,
            "actor": one.kind.actor,
            "also_accept": list(one.kind.also_accept),
            # None of ours pretends to be another group; `shift_hours` only moves their day.
            "false_flag": False,
            "imitated_actor": None,
            "languages": dict(one.languages),
            "utc_offset": one.utc_offset,
            "start": format_rfc3339(one.start_us // 1000 * 1000),
            "infrastructure": [
                *(["ip", address.ip] for address in one.servers),
                *(["domain", name] for name in one.domains),
            ],
            "account_ids": members[one.campaign_id],
            "stolen_key_owners": owners[one.campaign_id],
            "first_on_goal_time": self._first.get(one.campaign_id),
        }
