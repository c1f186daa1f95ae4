"""The decision process's figures in Prometheus' text form: numbers alone, no names."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from stormwatch.api.decision_process.following import Known
from stormwatch.model.times import SECOND, now_us


class _Answers(Collector):
    def __init__(self, answers: Mapping[str, int]) -> None:
        self._answers = answers

    def collect(self) -> list[CounterMetricFamily]:
        family = CounterMetricFamily("stormwatch_decision_answers", "Answers by what they said", labels=["answer"])
        for answer, count in sorted(self._answers.items()):
            family.add_metric([answer], count)
        return [family]


def figures(known: Known | None, trouble: str | None, answers: Mapping[str, int]) -> bytes:
    """Age and length of the list, whether the database is followed, answers by what they said.

    There is no age while there never was a list: an alarm on its absence is as good as one on its height.
    """
    registry = CollectorRegistry()
    followed = Gauge("stormwatch_decision_followed", "1 while the case database can be read", registry=registry)
    followed.set(trouble is None and known is not None)
    if known is not None:
        age = Gauge("stormwatch_decision_age_seconds", "Since the database confirmed the list", registry=registry)
        age.set((now_us() - known.read_us) / SECOND)
        accounts = Gauge("stormwatch_decision_accounts", "Accounts in the list", registry=registry)
        accounts.set(known.decided.accounts())
        snapshot = Gauge("stormwatch_decision_snapshot_age_seconds", "Since the snapshot was made", registry=registry)
        snapshot.set((now_us() - known.decided.snapshot.seal.read_us) / SECOND)
    registry.register(_Answers(answers))
    return generate_latest(registry)
