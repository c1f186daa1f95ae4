"""The queue's pages promise every case that a query means once, in its order, on either database; saved queries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from review_floor import MOMENT, Floor
from stormwatch.cases.queue_query import Order, QueueQuery, count_cases, count_changed, key_of, queue_rows
from stormwatch.cases.saved_queries import drop_query, find_saved, save_query, saved_queries_of
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_accounts, cases

ME = "person-me"
RISKS = (0.9, 0.5, 0.9, 0.7, 0.5, 0.9, 0.61)


def _fill(database: Database) -> None:
    """Cases with equal risks, equal due times and none, in every state, some mine."""
    states = list(CaseState)
    with database.write() as connection:
        for number in range(28):
            case_id = f"case-{number:02d}"
            connection.execute(
                insert(cases).values(
                    case_id=case_id,
                    subject_id=f"s-{number}",
                    state=states[number % len(states)].value,
                    opened_us=MOMENT + number % 5,
                    updated_us=MOMENT + number,
                    risk=RISKS[number % len(RISKS)],
                    title=f"{number} accounts; 100% first-ranked",
                    assignee=ME if number % 3 == 0 else None,
                    leading="benign" if number % 2 else "unknown-actor",
                    queue="compromised-account" if number % 4 == 0 else "general",
                    due_us=None if number % 5 == 0 else MOMENT + number % 3,
                )
            )
            connection.execute(
                insert(case_accounts).values(case_id=case_id, account_id=f"Acct_{number:02d}", joined_us=MOMENT)
            )


@pytest.fixture
def filled(either_database: Database) -> Database:
    _fill(either_database)
    return either_database


def _all(database: Database, query: QueueQuery, size: int) -> list[str]:
    found, after = [], None
    while rows := queue_rows(database, query, ME, MOMENT + 2, after=after, limit=size):
        found += rows
        after = key_of(rows[-1], query.order)
    return [row.case_id for row in found]


def test_pages_of_any_size_hold_every_case_once_in_order(filled: Database) -> None:
    for order in Order:
        whole = queue_rows(filled, QueueQuery("all", order=order), ME, MOMENT, limit=100)
        keys = [key_of(row, order) for row in whole]
        assert keys == sorted(keys, reverse=order is not Order.DUE)
        for size in (1, 3, 7):
            assert _all(filled, QueueQuery("all", order=order), size) == [row.case_id for row in whole], (order, size)
    assert len(_all(filled, QueueQuery("all"), 5)) == 28
    assert len(_all(filled, QueueQuery("all", order=Order.DUE), 5)) == 28 - 6  # what is never due is left out


def test_a_case_that_comes_in_between_two_pages_shifts_nothing(filled: Database) -> None:
    query = QueueQuery("all")
    first = queue_rows(filled, query, ME, MOMENT, limit=10)
    with filled.write() as connection:
        connection.execute(
            insert(cases).values(
                case_id="case-zz",
                subject_id="s-zz",
                state="open",
                opened_us=MOMENT,
                updated_us=MOMENT,
                risk=0.99,
                title="a new one",
            )
        )
    second = queue_rows(filled, query, ME, MOMENT, after=key_of(first[-1], Order.RISK), limit=100)
    assert len({row.case_id for row in (*first, *second)}) == len(first) + len(second) == 28


MEANT = (
    (QueueQuery(), 15),
    (QueueQuery("closed"), 4),
    (QueueQuery("all", queue="compromised-account"), 7),
    (QueueQuery("all", assignee="me"), 10),
    (QueueQuery("all", assignee=ME), 10),
    (QueueQuery("all", assignee="nobody"), 18),
    (QueueQuery("all", leading="benign"), 14),
    (QueueQuery("all", words="acct_07"), 1),
    (QueueQuery("all", words="ACCT_07"), 1),
    (QueueQuery("all", words="CASE-11"), 1),
    (QueueQuery("all", words="100%"), 28),
    (QueueQuery("all", words="1_0%"), 0),
    (QueueQuery("all", words="' OR 1=1 --"), 0),
    (QueueQuery("all", due="over"), 15),
)


def test_filters_mean_what_they_say(filled: Database) -> None:
    for query, number in MEANT:
        assert count_cases(filled, query, ME, MOMENT + 2) == number, query
        assert len(_all(filled, query, 50)) == number, query


def test_only_what_changed_after_a_time_is_news(filled: Database) -> None:
    assert count_changed(filled, QueueQuery("all"), ME, MOMENT, since_us=MOMENT + 20) == 7
    assert count_changed(filled, QueueQuery("all", queue="general"), ME, MOMENT, since_us=MOMENT + 27) == 0


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)


@given(st.sampled_from(["waiting", "all", "open", "cleared"]), WORDS, WORDS, st.sampled_from(list(Order)))
@settings(max_examples=60)
def test_a_query_is_its_address(state: str, words: str, queue: str, order: Order) -> None:
    query = QueueQuery.of({"state": state, "q": words, "queue": queue, "order": order.value})
    assert QueueQuery.of(query.parameters) == query


@pytest.mark.parametrize("asked", [{"state": "lost"}, {"order": "luck"}, {"due": "soon"}])
def test_what_is_no_filter_is_refused_by_name(asked: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(asked.values()))):
        QueueQuery.of(asked)


def test_saved_queries_are_ones_own_unless_shared_and_on_the_ledger(floor: Floor) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    ada, bea = floor.analyst, floor.approver
    query = QueueQuery("open", queue="compromised-account")
    mine = save_query(database, ledger, ada, "victims", query)
    shared = save_query(database, ledger, ada, "late", QueueQuery(due="over"), shared=True)
    assert [each.name for each in saved_queries_of(database, ada.person.person_id)] == ["late", "victims"]  # type: ignore[union-attr]
    assert [each.name for each in saved_queries_of(database, bea.person.person_id)] == ["late"]  # type: ignore[union-attr]
    assert find_saved(database, ada.person.person_id, "victims").query == query  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        find_saved(database, bea.person.person_id, "victims")  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="query of this name"):
        save_query(database, ledger, ada, " victims ", QueueQuery())
    with pytest.raises(Forbidden):
        drop_query(database, ledger, bea, shared.query_id)
    drop_query(database, ledger, ada, mine.query_id)
    assert [entry.kind for entry in ledger.entries(subject=mine.query_id)] == ["query.saved", "query.dropped"]
