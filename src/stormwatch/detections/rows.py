"""Firings and artefacts, gathered one by one, to tables of the lake in one order however they came."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.model.observable import Observable
from stormwatch.storage.schemas import DETECTIONS, OBSERVABLES

_DETECTION_ORDER: Final = (
    "time_us",
    "event_id",
    "account_id",
    "rule_id",
    "rule_version",
    "observable_value",
    "indicator_id",
)
_OBSERVABLE_ORDER: Final = ("time_us", "event_id", "account_id", "kind", "value", "field")


class TableRows:
    """Rows of one schema, gathered as columns."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: dict[str, list[Any]] = {name: [] for name in schema.names}

    def add(self, **values: Any) -> None:
        """Adds a row; a column that is not named is null."""
        for name, column in self._columns.items():
            column.append(values.get(name))

    def table(self) -> pa.Table:
        """The rows gathered so far."""
        return pa.table(self._columns, schema=self._schema)


class DetectionRows:
    """Detections of one segment."""

    def __init__(self) -> None:
        self._rows = TableRows(DETECTIONS)

    def add(self, **values: Any) -> None:
        """Adds a detection; columns as in the schema."""
        self._rows.add(**values)

    def table(self, *others: pa.Table) -> pa.Table:
        """These and other detections, sorted."""
        return sort_detections(pa.concat_tables([self._rows.table(), *others]))


class ObservableRows:
    """Artefacts of one segment."""

    def __init__(self) -> None:
        self._rows = TableRows(OBSERVABLES)

    def add(self, observable: Observable, field: str, event: tuple[str, str, int]) -> None:
        """Adds an artefact of an event (id, account, time)."""
        event_id, account_id, time_us = event
        self._rows.add(
            event_id=event_id,
            account_id=account_id,
            time_us=time_us,
            kind=observable.kind.value,
            value=observable.value,
            field=field,
        )

    def table(self) -> pa.Table:
        """The artefacts, sorted."""
        return _sorted(self._rows.table(), _OBSERVABLE_ORDER)


def sort_detections(table: pa.Table) -> pa.Table:
    """Detections in their one order."""
    return _sorted(table, _DETECTION_ORDER)


def _sorted(table: pa.Table, names: tuple[str, ...]) -> pa.Table:
    return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names]))
