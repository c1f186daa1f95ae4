"""Figures come from the stores; what is published is on the ledger; what was changed afterwards is found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from sqlalchemy import insert, update

from stormwatch.access.people import Access
from stormwatch.config import Settings
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, IntegrityError, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import DAY, HOUR, now_us
from stormwatch.reports.building import build_report
from stormwatch.reports.coverage import blind_spots, rounded
from stormwatch.reports.enforcement import accounts_actioned, actioned_by_hypothesis, band, techniques_seen
from stormwatch.reports.figures import Period, commitment
from stormwatch.reports.publication import publish_report, verify_report, write_report
from stormwatch.reports.report import Report, to_json
from stormwatch.reports.sources import Sources
from stormwatch.reports.statements import Statements, read_statements
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ASSESSMENTS, DETECTIONS
from stormwatch.storage.tables.actions import actions, proposals
from stormwatch.storage.tables.cases import case_accounts, case_history, cases
from stormwatch.storage.tables.intel import leads
from stormwatch.storage.tables.people import people

START = Period.parse("2024-02-01", "2024-02-29").from_us
PERIOD = Period(START, START + 29 * DAY)


def principal(sources: Sources, role: Role) -> Principal:
    """Somebody with that role."""
    access = Access(sources.database, sources.ledger)
    first = access.first_administrator()
    assert first
    administrator = access.authenticate(first[1])
    if role is Role.ADMINISTRATOR:
        return administrator
    return access.authenticate(access.add_person(administrator, "Rosa", role)[1])


def add_case(database: Database, case_id: str, accounts: int, kind: str, *, opened_us: int, approved_us: int) -> None:
    """A case whose accounts were all actioned."""
    common = {"case_id": case_id, "kind": kind, "reason_code": "r", "evidence_hash": "h", "proposed_by": "p1"}
    times = {"proposed_us": opened_us}
    with database.write() as connection:
        connection.execute(
            insert(cases).values(
                case_id=case_id,
                subject_id=case_id,
                state="acted",
                opened_us=opened_us,
                updated_us=opened_us,
                risk=0.9,
                title=f"<b>{case_id}</b>",
            )
        )
        for before, after, moment in ((None, "open", opened_us), ("proposed", "acted", approved_us)):
            connection.execute(
                insert(case_history).values(
                    case_id=case_id, from_state=before, to_state=after, by="p", time_us=moment, reason=""
                )
            )
        connection.execute(
            insert(proposals).values(proposal_id=f"p-{case_id}", state="approved", collateral={}, **common, **times)
        )
        for number in range(accounts):
            account = f"{case_id}-{number}"
            connection.execute(insert(case_accounts).values(case_id=case_id, account_id=account, joined_us=opened_us))
            connection.execute(
                insert(actions).values(
                    action_id=f"a-{kind}-{account}",
                    proposal_id=f"p-{case_id}",
                    account_id=account,
                    approved_by="p2",
                    approved_us=approved_us,
                    **common,
                    **times,
                )
            )


def add_lead(database: Database, lead_id: str, kind: str) -> None:
    with database.write() as connection:
        connection.execute(
            insert(leads).values(
                lead_id=lead_id,
                title="a journalist called Jane Roe",
                source="Jane Roe",
                source_kind=kind,
                grade="B2",
                tlp="amber",
                pap="amber",
                received_us=START + HOUR,
                permitted_use="",
                state="open",
                note="",
            )
        )


@pytest.fixture
def sources(database: Database, lake: Lake, keyring: Keyring) -> Sources:
    return Sources(database, lake, Ledger(database, keyring))


@pytest.fixture
def filled(sources: Sources) -> Sources:
    for number in range(6):
        add_case(
            sources.database,
            f"case-{number}",
            4,
            "suspend" if number else "limit",
            opened_us=START + DAY,
            approved_us=START + DAY + 2 * HOUR,
        )
    for number in range(7):
        add_lead(sources.database, f"lead-{number}", "peer-provider")
    rows = [
        {
            "account_id": f"case-{number}-0",
            "event_id": "e",
            "time_us": START,
            "rule_id": "r",
            "rule_version": "1",
            "kind": "rule",
            "techniques": ["LLM-01", "T1591"],
            "shadow": False,
        }
        for number in range(6)
    ]
    sources.lake.replace("detections", pa.Table.from_pylist(rows, schema=DETECTIONS))
    return sources


@pytest.fixture
def reporter(filled: Sources) -> Principal:
    return principal(filled, Role.REPORTER)


def built(sources: Sources, settings: Settings, period: Period = PERIOD) -> Report:
    return build_report(sources, settings, period, Statements())


def test_accounts_count_once_under_the_gravest_action(filled: Sources) -> None:
    figure = accounts_actioned(filled, PERIOD)
    assert {cell.label: cell.count for cell in figure.cells if cell.count} == {"suspend": 20, "limit": 4}
    assert [cell.label for cell in figure.cells][::5] == ["terminate", "watch"]
    assert figure.total == 24


def test_what_happened_outside_the_period_does_not_count(filled: Sources) -> None:
    later = Period(PERIOD.to_us, PERIOD.to_us + DAY)
    assert accounts_actioned(filled, later).total == 0


def test_accounts_by_hypothesis_name_no_actor(filled: Sources) -> None:
    hypotheses = [{"hypothesis": "charcoal-typhoon", "kind": "tracked-actor", "probability": 0.7}]
    row = {"subject_id": "c", "account_ids": [f"case-1-{n}" for n in range(4)], "hypotheses": hypotheses, "risk": 0.9}
    filled.lake.replace("assessments", pa.Table.from_pylist([row], schema=ASSESSMENTS))
    figure = actioned_by_hypothesis(filled, PERIOD)
    counts = {cell.label: cell.count for cell in figure.cells}
    assert counts["tracked-actor"] == 4
    assert counts["not assessed"] == 20


def test_techniques_are_counted_once_a_case_and_only_ours(filled: Sources) -> None:
    cells = techniques_seen(filled, PERIOD).cells
    assert [(cell.label, cell.count) for cell in cells] == [("LLM-01 LLM-informed reconnaissance", 6)]


def test_a_report_names_no_account_no_case_and_nobody(filled: Sources, reporter: Principal, settings: Settings) -> None:
    raw = to_json(built(filled, settings)).decode()
    assert "Jane Roe" not in raw
    assert "case-1" not in raw
    assert reporter.person
    assert reporter.person.person_id not in raw
    assert reporter.person.name not in raw


def test_small_counts_are_suppressed_by_the_operators_minimum(filled: Sources, settings: Settings) -> None:
    figures = {figure.name: figure for figure in built(filled, settings).figures}
    actioned = figures["accounts-actioned"]
    assert actioned.total == 24
    assert [cell.count for cell in actioned.cells] == [0, None, None, 0, 0, 0]


def test_every_figure_has_a_derivation_and_a_commitment(filled: Sources, settings: Settings) -> None:
    report = built(filled, settings)
    assert len({figure.derivation for figure in report.figures}) == len(report.figures)
    assert report.commitments == tuple(commitment(figure, PERIOD) for figure in report.figures)


def test_an_empty_installation_reports_zeros_and_says_so(sources: Sources, settings: Settings) -> None:
    report = built(sources, settings)
    assert {figure.total for figure in report.figures if not figure.overlapping} == {0}
    assert report.calibrated_on == ("simulated worlds",)
    assert "No request is stored" in report.blind_spots[0]


def test_published_files_verify(filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path) -> None:
    write_report(built(filled, settings), tmp_path / "out")
    published = publish_report(filled, tmp_path / "out", reporter)
    found, ledger = verify_report(filled, tmp_path / "out")
    assert found.publication_id == published.publication_id
    assert ledger.ok
    entry = next(iter(filled.ledger.entries(kind="report.published")))
    assert entry.body["files"] == dict(published.files)


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_file_changed_after_publication_is_found(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path, name: str
) -> None:
    write_report(built(filled, settings), tmp_path)
    publish_report(filled, tmp_path, reporter)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    with pytest.raises(NotFound):
        verify_report(filled, tmp_path)


def test_a_figure_cannot_be_dressed_up_before_publication(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path
) -> None:
    report = built(filled, settings)
    better = msgspec.structs.replace(report.figures[0], total=0)
    figures = (better, *report.figures[1:])
    commitments = tuple(commitment(figure, PERIOD) for figure in figures)
    write_report(msgspec.structs.replace(report, figures=figures, commitments=commitments), tmp_path)
    with pytest.raises(Conflict, match="Accounts actioned"):
        publish_report(filled, tmp_path, reporter)


def test_a_page_that_says_something_else_is_not_published(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path
) -> None:
    write_report(built(filled, settings), tmp_path)
    page = tmp_path / "report.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Reversals", "Triumphs"), encoding="utf-8")
    with pytest.raises(IntegrityError):
        publish_report(filled, tmp_path, reporter)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REPORTER])
def test_only_a_reporter_publishes(filled: Sources, settings: Settings, tmp_path: Path, role: Role) -> None:
    write_report(built(filled, settings), tmp_path)
    with pytest.raises(Forbidden):
        publish_report(filled, tmp_path, principal(filled, role))


def test_a_reporter_of_yesterday_does_not_publish(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path
) -> None:
    write_report(built(filled, settings), tmp_path)
    with filled.database.write() as connection:
        connection.execute(update(people).where(people.c.name == "Rosa").values(role=Role.AUDITOR.value))
    with pytest.raises(Forbidden):
        publish_report(filled, tmp_path, reporter)


def test_periods_that_overlap_are_refused(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path
) -> None:
    write_report(built(filled, settings), tmp_path)
    publish_report(filled, tmp_path, reporter)
    longer = Period(PERIOD.from_us, PERIOD.to_us + DAY)
    write_report(built(filled, settings, longer), tmp_path)
    with pytest.raises(Conflict, match="overlaps"):
        publish_report(filled, tmp_path, reporter)


def test_the_same_period_again_is_a_correction_that_says_so(
    filled: Sources, reporter: Principal, settings: Settings, tmp_path: Path
) -> None:
    write_report(built(filled, settings), tmp_path)
    first = publish_report(filled, tmp_path, reporter)
    corrected = built(filled, settings)
    assert corrected.corrections[0].source == first.publication_id
    write_report(corrected, tmp_path)
    publish_report(filled, tmp_path, reporter)


def test_statements_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text("responses:\n- {by: A ministry, text: We deny it., date: 2024-02-14}\n", encoding="utf-8")
    assert read_statements(path).responses[0].date == "2024-02-14"
    path.write_text("response: []\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="response"):
        read_statements(path)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(InvalidInput, match="YAML"):
        read_statements(path)
    with pytest.raises(InvalidInput):
        read_statements(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("summary: With high confidence it is likely so.", "summary"),
        ("blind_spots: ['None.', 'It is probable (low confidence).']", r"blind_spots\[1\]"),
        ("dissents: [{by: A, text: 'We are confident that it is unlikely.'}]", r"dissents\[0\].text"),
        ("corrections: [{by: A, text: 'Likely and highly probable.'}]", r"corrections\[0\].text"),
    ],
)
def test_words_of_analysts_that_break_icd_203_are_refused(tmp_path: Path, content: str, field: str) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=rf"line 1: .*one sentence.*statements.yaml, {field}"):
        read_statements(path)


def test_an_accused_partys_words_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text("responses: [{by: An embassy, text: 'We are confident that this is unlikely.'}]")
    assert read_statements(path).responses[0].text == "We are confident that this is unlikely."


def test_blind_spots_are_measured(lake: Lake) -> None:
    schema = lake.read("events").schema
    rows = [{"account_id": "a", "prompt_chars": 0, "source_ip": None}] * 3
    rows += [{"account_id": "b", "prompt_chars": 9, "source_ip": "192.0.2.1"}]
    lake.replace("events", pa.Table.from_pylist(rows, schema=schema))
    sentences = " ".join(blind_spots(lake))
    assert "On 75 % of stored requests the client's address is missing" in sentences
    assert "for all nothing is known" in sentences


@pytest.mark.parametrize(
    ("share", "words"), [(0, ""), (0.001, "under 5 %"), (0.26, "25 %"), (0.999, "nearly all"), (1, "all")]
)
def test_shares_are_rounded(share: float, words: str) -> None:
    assert rounded(share) == words


def test_bands_of_time() -> None:
    names = [band(0), band(HOUR), band(DAY), band(10 * DAY), band(31 * DAY)]
    assert names == ["under an hour", "under a day", "under a week", "under 30 days", "30 days or more"]


@pytest.mark.parametrize(
    ("first", "last"), [("2024-02-02", "2024-02-01"), ("yesterday", "2024-02-01"), ("2024-02-30", "2024-03-01")]
)
def test_impossible_periods_are_explained(first: str, last: str) -> None:
    with pytest.raises(InvalidInput):
        Period.parse(first, last)


def test_a_period_of_days_includes_the_last() -> None:
    day = Period.parse("2024-02-14", "2024-02-14")
    assert day.to_us - day.from_us == DAY
    assert day.to_us < now_us()
