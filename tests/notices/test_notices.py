"""Notices promise: who is restricted is told why in their language, nobody is tipped off, nothing leaves unapproved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest

from alert_receiver import SECRET, answer, receiving
from notice_making import ACCOUNT, code_in, outbox, served_code, suspended_floor, the_action
from review_floor import MOMENT, Floor
from serving import free_port
from stormwatch.actions.dry_run import dry_run
from stormwatch.actions.notices import drafting
from stormwatch.actions.notices import outbox as leaving
from stormwatch.actions.notices.discretion import require_discreet
from stormwatch.actions.notices.issuing import issue_due
from stormwatch.actions.notices.languages import best_language, load_languages
from stormwatch.actions.notices.notice_file import get_notice, list_notices, words_in
from stormwatch.actions.notices.outbox import carry
from stormwatch.actions.notices.ports import NoticeCarrier, NoticeNotTaken
from stormwatch.actions.notices.wording import printable
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.actions.proposals import propose
from stormwatch.actions.reasons import load_reasons
from stormwatch.actions.reversal import reverse
from stormwatch.actions.terms import Terms
from stormwatch.adapters.alert_webhook import AlertWebhook
from stormwatch.adapters.notice_folder import NoticeFolder
from stormwatch.adapters.notice_webhook import NoticeWebhook, notice_carrier
from stormwatch.intel.leads import add_lead
from stormwatch.model.case import ActionKind, Case
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.notice import NoticeKind, NoticeState
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.principal import Role

HOSTILE = "../../etc/passwd\r\nBcc: all@example.org\n{{7*7}} ${code} $code \x02code\x03 \u202e<script>\x1b[2J"


@pytest.mark.parametrize("code", sorted(load_languages()))
def test_a_language_says_all_that_english_says(code: str) -> None:
    language, english = load_languages()[code], load_languages()["en"]
    for kind in NoticeKind:
        filled = set(Template(language.texts[kind]).get_identifiers())
        assert filled == set(Template(english.texts[kind]).get_identifiers()), kind
        assert language.subjects[kind]
    assert set(language.actions) >= {kind.value for kind in ActionKind} - {"watch"}
    assert all("$account" in sentence for sentence in language.actions.values())
    assert code == "en" or set(language.reasons) == set(load_reasons())
    assert "$until" in language.ends


def test_a_statement_of_reasons_has_what_article_17_asks_for(suspended: Floor) -> None:
    code = served_code(suspended)
    (notice,) = outbox(suspended.runtime.settings.home)
    text = notice["text"]
    for asked in (
        "We have suspended your account acct-holder",  # (a) the restriction
        "in every country in which we offer the service",  # its territory
        "No end has been set",  # its duration
        "We believe that this account was used to defraud people",  # (b) the facts
        "on our own initiative",  # or upon a notice
        "Software helped us to find the account. It did not decide",  # (c) automated means
        "our terms of use (",  # (e) the contractual ground
        "you can appeal free of charge until",  # (f) redress
        "out-of-court settlement",
        "You can also go to a court",
        code,
        suspended.runtime.settings.appeal_url,
    ):
        assert asked in text
    assert (notice["recipient"], notice["account"], notice["language"]) == (ACCOUNT, ACCOUNT, "en")


def test_the_holder_reads_their_language_with_english_beside(floor: Floor) -> None:
    suspended_floor(floor, locale="fa_IR")
    code = served_code(floor)
    (notice,) = outbox(floor.runtime.settings.home)
    assert (notice["language"], notice["direction"]) == ("fa", "rtl")
    assert "کلاهبرداری" in notice["text"]
    assert "We believe that this account was used to defraud people" in notice["text"]
    assert notice["text"].count(code) == 2


@pytest.mark.parametrize(
    ("stated", "code"), [("es-MX", "es"), ("zh_Hans_CN", "zh"), ("tlh", "en"), ("", "en"), (None, "en"), ("../x", "en")]
)
def test_what_the_operator_states_picks_the_language(stated: str | None, code: str) -> None:
    assert best_language(stated).code == code


def test_a_hostile_account_id_stays_one_line_of_text_and_names_no_file(floor: Floor) -> None:
    suspended_floor(floor, account=HOSTILE)
    code = served_code(floor)
    home = floor.runtime.settings.home
    (path,) = (home / "notices").iterdir()
    (row,) = list_notices(floor.runtime.database)
    assert path.name == f"{row.notice_id}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    (notice,) = outbox(home)
    assert notice["text"].count(code) == 1, "no account id gets a code printed into it"
    shown = printable(HOSTILE)
    assert shown in notice["text"]
    assert "{{7*7}} ${code} $code" in shown
    assert not [character for character in shown if not character.isprintable()]
    assert "\n" not in notice["recipient"]
    assert notice["account"] == HOSTILE, "the mail system gets the account's own id, as JSON"


def test_no_statement_names_an_actor_or_a_rule_whatever_the_reason(suspended: Floor) -> None:
    """The templates pass their own check: neither actors' names nor indicators are among their words."""
    desk = suspended.runtime.desk
    with desk.database.read() as connection:
        for language in load_languages().values():
            words = [*language.texts.values(), *language.actions.values(), *language.reasons.values()]
            require_discreet(desk, connection, " ".join(words))
        require_discreet(desk, connection, " ".join(reason.text for reason in load_reasons().values()))


def test_each_action_is_told_once_by_whomever_the_round_is_run(suspended: Floor) -> None:
    for _ in range(3):
        suspended.runtime.send_notices()
    assert len(outbox(suspended.runtime.settings.home)) == 1
    kinds = [entry.kind for entry in suspended.runtime.ledger.entries() if entry.kind.startswith("notice.")]
    assert kinds == ["notice.issued", "notice.sent"]


@dataclass(frozen=True)
class WayOut:
    """A carrier with its other end."""

    carrier: NoticeCarrier
    arrived: Callable[[], dict[str, Any]]
    away: NoticeCarrier


class Refusing:
    """A double of a carrier that is away; none that can be had here fails on demand without a network."""

    name = "away"

    def take(self, notice_id: str, body: bytes) -> None:
        raise NoticeNotTaken("nobody is there")


def test_what_was_not_taken_is_tried_again_and_its_action_undone_meanwhile_withdraws_it(suspended: Floor) -> None:
    runtime, desk = suspended.runtime, suspended.runtime.desk
    issue_due(desk)
    assert carry(desk, Refusing()).failures
    assert carry(desk, Refusing()).failures == (), "the pause is not over"
    (notice,) = list_notices(runtime.database)
    assert (notice.state, notice.last_error) == (NoticeState.WAITING, "nobody is there")
    reverse(runtime.database, runtime.ledger, suspended.approver, [the_action(suspended).action_id], "a mistake")
    assert runtime.send_notices(all_waiting=True).sent == 0
    assert get_notice(runtime.database, notice.notice_id).state is NoticeState.WITHDRAWN
    assert outbox(runtime.settings.home) == []


def test_nobody_taking_it_for_a_week_makes_it_dead_and_it_can_be_sent_again(
    suspended: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "_MOST_ATTEMPTS", 2)
    desk = suspended.runtime.desk
    (notice,) = issue_due(desk)
    for _ in range(2):
        carry(desk, Refusing(), all_waiting=True)
    assert get_notice(desk.database, notice.notice_id).state is NoticeState.DEAD
    leaving.send_again(desk, notice.notice_id)
    assert suspended.runtime.send_notices().sent == 1


def test_a_webhook_gets_the_notice_signed(suspended: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = suspended.runtime.settings
    with receiving() as receiver:
        receiver.behaviours.append(answer(500))
        hooked = settings.model_copy(update={"notice_url": receiver.url, "alert_secrets": (SECRET,)})
        (notice,) = issue_due(suspended.runtime.desk)
        carrier = notice_carrier(hooked)
        assert carry(suspended.runtime.desk, carrier).failures == (f"{notice.notice_id}: 127.0.0.1 answered 500",)
        assert carry(suspended.runtime.desk, carrier, all_waiting=True).sent == 1
        first, second = receiver.wait_for(2)
    assert first.message_id == second.message_id == notice.notice_id
    message = second.verified()
    assert (message["type"], message["account"]) == ("stormwatch.notice/1", ACCOUNT)
    assert code_in(message["text"]) != code_in(first.verified()["text"])
    assert not (settings.home / "notices").exists()


@pytest.mark.parametrize(("url", "secrets"), [("http://mail.example.org/x", (SECRET,)), ("http://127.0.0.1/x", ())])
def test_a_webhook_that_cannot_be_used_is_named(floor: Floor, url: str, secrets: tuple[str, ...]) -> None:
    settings = floor.runtime.settings.model_copy(update={"notice_url": url, "alert_secrets": secrets})
    with pytest.raises(InvalidInput, match="STORMWATCH_"):
        notice_carrier(settings)


def test_a_folder_that_cannot_be_written_loses_nothing(suspended: Floor, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    issue_due(suspended.runtime.desk)
    (failure,) = carry(suspended.runtime.desk, NoticeFolder(blocked / "notices")).failures
    assert "cannot be written" in failure
    assert suspended.runtime.send_notices(all_waiting=True).sent == 1


# Drafts to third parties


@pytest.fixture
def victim(floor: Floor) -> Floor:
    """A case that is likeliest that of a stolen key, with a second approver."""
    administrator = floor.people["administrator"]
    _, token = floor.runtime.access.add_person(administrator, "cem", Role.APPROVER)
    floor.people["cem"] = floor.runtime.access.authenticate(token)  # type: ignore[index]
    floor.suspect("acct-robbed", ["acct-robbed"], compromised=0.8)
    floor.hunt()
    return floor


def test_a_stolen_keys_owner_is_told_before_anything_is_done(victim: Floor) -> None:
    runtime, desk, case = victim.runtime, victim.runtime.desk, victim.reviewed_case()
    runtime.send_notices()
    (notice,) = list_notices(runtime.database)
    assert (notice.kind, notice.state, notice.account_id) == (NoticeKind.KEY_OWNER, NoticeState.DRAFT, "acct-robbed")
    assert outbox(runtime.settings.home) == [], "nothing leaves by itself"
    with pytest.raises(Conflict, match="the owner of acct-robbed comes first"):
        _propose(victim, case, "fraud")
    terms = Terms(ActionKind.SUSPEND, "fraud")
    assert (
        "the owner of acct-robbed has not been told"
        in dry_run(runtime.database, runtime.lake, case.case_id, terms).in_the_way
    )
    with pytest.raises(Forbidden):
        drafting.approve_draft(desk, victim.analyst, notice.notice_id)
    drafting.approve_draft(desk, victim.approver, notice.notice_id, notice.commitment)
    assert _propose(victim, case, "compromised-account").account_ids == ("acct-robbed",)
    runtime.send_notices()
    (told,) = outbox(runtime.settings.home)
    assert "We do not hold this against you" in told["text"]
    assert case.case_id in told["text"]


def _propose(floor: Floor, case: Case, reason_code: str) -> Proposal:
    stores = floor.runtime.database, floor.runtime.ledger, floor.runtime.lake
    return propose(*stores, floor.analyst, case.case_id, ActionKind.SUSPEND, reason_code)


def _lead(tlp: TLP) -> Lead:
    return Lead(
        lead_id=f"lead-{tlp.value}",
        title="t",
        source="Example Peer",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("B", 2),
        tlp=tlp,
        pap=PAP.AMBER,
        received_us=MOMENT,
        permitted_use="search",
        observables=(Observable(ObservableKind.DOMAIN, f"{tlp.name.lower()}.c2.example.net"),),
    )


def test_a_draft_leaves_only_when_an_approver_who_did_not_write_it_lets_it(suspended: Floor) -> None:
    runtime, desk = suspended.runtime, suspended.runtime.desk
    case_id = the_action(suspended).case_id
    made = drafting.draft(
        desk,
        suspended.analyst,
        case_id,
        NoticeKind.HOST,
        recipient="abuse@host.example",
        about=["http://203.0.113.9/panel"],
        detail="Seen in November.",
    )
    with desk.database.read() as connection:
        words = words_in(connection, desk.keyring, made.notice_id)
    assert "hxxp://203[.]0[.]113[.]9/panel" in words.text
    assert "Seen in November." in words.text
    by = suspended.with_role("ada", Role.APPROVER)
    with pytest.raises(Forbidden, match="nobody approves what they drafted"):
        drafting.approve_draft(desk, by, made.notice_id)
    with pytest.raises(Conflict, match="something else than you were shown"):
        drafting.approve_draft(desk, suspended.approver, made.notice_id, "00" * 32)
    drafting.approve_draft(desk, suspended.approver, made.notice_id, made.commitment)
    with pytest.raises(Conflict, match="not draft"):
        drafting.withdraw_draft(desk, suspended.approver, made.notice_id, "too late")
    runtime.send_notices()
    assert [each["recipient"] for each in outbox(runtime.settings.home) if each["kind"] == "host"] == [
        "abuse@host.example"
    ]


def test_a_draft_tips_nobody_off(suspended: Floor) -> None:
    desk, case_id = suspended.runtime.desk, the_action(suspended).case_id
    for tlp in (TLP.AMBER, TLP.CLEAR):
        add_lead(desk.database, desk.ledger, _lead(tlp), "test")

    def try_it(**words: object) -> None:
        drafting.draft(desk, suspended.analyst, case_id, NoticeKind.TARGET, **{"recipient": "Dr Ito", **words})  # type: ignore[arg-type]

    with pytest.raises(InvalidInput, match="the actor Emerald Sleet"):
        try_it(detail="It was Emerald-Sleet.")
    with pytest.raises(InvalidInput, match=r"the indicator amber\.c2\.example\.net"):
        try_it(detail="Look for amber[.]c2[.]example[.]net!")
    with pytest.raises(InvalidInput, match="needs somebody to go to"):
        try_it(recipient=" ")
    with pytest.raises(NotFound, match="not written in tlh"):
        try_it(language="tlh")
    try_it(detail="Look for clear.c2.example.net.")
    with pytest.raises(InvalidInput, match="written by the software alone"):
        drafting.draft(desk, suspended.analyst, case_id, NoticeKind.STATEMENT, recipient="x")
    with pytest.raises(InvalidInput, match="what it is about"):
        drafting.draft(desk, suspended.analyst, case_id, NoticeKind.HOST, recipient="x")
    with pytest.raises(InvalidInput, match="an account of the case"):
        drafting.draft(desk, suspended.analyst, case_id, NoticeKind.KEY_OWNER, account_id="acct-other")


def test_the_ledger_holds_commitments_and_no_words(suspended: Floor) -> None:
    served_code(suspended)
    bodies = json.dumps([dict(entry.body) for entry in suspended.runtime.ledger.entries() if "notice" in entry.kind])
    assert "commitment" in bodies
    assert "terms of use" not in bodies


@pytest.fixture(params=["folder", "webhook"])
def way_out(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WayOut]:
    """Each carrier as it is set up, what arrived by it, and the same carrier with nobody at its other end."""
    if request.param == "folder":
        (tmp_path / "file").write_text("")
        folder = tmp_path / "out"
        yield WayOut(
            NoticeFolder(folder),
            lambda: {path.stem: json.loads(path.read_bytes()) for path in folder.iterdir()},
            NoticeFolder(tmp_path / "file" / "out"),
        )
        return
    with receiving() as receiver:
        away = AlertWebhook(f"http://127.0.0.1:{free_port()}/", (SECRET,))
        yield WayOut(
            NoticeWebhook(AlertWebhook(receiver.url, (SECRET,))), lambda: receiver.messages(), NoticeWebhook(away)
        )


def test_a_carrier_takes_a_notice_twice_under_one_id_or_says_that_it_did_not(way_out: WayOut) -> None:
    for _ in range(2):
        way_out.carrier.take("notice-1", b'{"text": "one"}')
    way_out.carrier.take("notice-2", '{"text": "رسالة"}'.encode())
    assert way_out.arrived() == {"notice-1": {"text": "one"}, "notice-2": {"text": "رسالة"}}
    assert way_out.carrier.name != ""
    with pytest.raises(NoticeNotTaken):
        way_out.away.take("notice-3", b"{}")
