"""The story from first lead to public report, in the order in which it happened in February 2024."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.actions import proposals
from stormwatch.actions.delivery import deliver
from stormwatch.actions.execution import list_actions
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.attribution.profiles import load_profiles
from stormwatch.cases import review
from stormwatch.cases.evidence_file import EvidenceFile, build_evidence_file
from stormwatch.cases.queue import get_case, list_cases
from stormwatch.cli.story.disclosure import answer, publish, share_bundle
from stormwatch.cli.story.gateway import Endpoint, decision_endpoint
from stormwatch.cli.story.judgement import Judgement, Verdict, answer_to, judge
from stormwatch.cli.story.linking_only import LinkedOnly, find_linked_only
from stormwatch.cli.story.narrator import Narrator
from stormwatch.cli.story.people import People, hire
from stormwatch.cli.story.provider import make_provider, take_in, take_intel, take_lead
from stormwatch.cli.story.score import Score, score
from stormwatch.config import shipped
from stormwatch.intel.actors import ActorNames
from stormwatch.intel.lead_hits import lead_hits
from stormwatch.model.assessment import BENIGN, HypothesisKind
from stormwatch.model.case import ActionKind, Case
from stormwatch.model.errors import IntegrityError, NotFound
from stormwatch.model.icd_203 import likelihood_words
from stormwatch.model.intel import Lead
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import parse_rfc3339
from stormwatch.runtime import Runtime

_STATE, _UNKNOWN = "state-affiliated-misuse", "malicious-cyber-activity"
_DOES: Final = {Verdict.CLEAR: "clears", Verdict.PROPOSE: "proposes suspension", Verdict.WAIT: "waits"}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the story leaves: who can log in, what was done, and how good it was."""

    people: People
    acted: tuple[Case, ...]
    cleared: tuple[Case, ...]
    linked_only: LinkedOnly
    bundle: Path
    report: Path
    score: Score


class February:
    """Tells the story on one fresh installation."""

    def __init__(self, runtime: Runtime, narrator: Narrator, progress: ProgressReport) -> None:
        self._runtime = runtime
        self._tell = narrator
        self._progress = progress
        self._folder = runtime.settings.home / "demo"

    def play(self) -> Ending:
        """All steps; raises when one of them cannot show what it is there to show."""
        world = self._folder / "world"
        start_us = self._make_world(world)
        people = self._hire()
        self._take_in(world)
        lead = self._lead(world, people)
        self._hunt(lead)
        judged = self._examine(people)
        cleared = self._clear(people, judged)
        with decision_endpoint(self._runtime, people.gateway_token) as endpoint:
            acted = self._act(people, judged, endpoint)
        linked_only = self._linking(acted)
        bundle, report = self._disclose(people, acted, lead, start_us)
        self._audit()
        return Ending(people, acted, cleared, linked_only, bundle, report, self._score(world, linked_only))

    def _make_world(self, world: Path) -> int:
        self._tell.step("A provider is made up")
        report = make_provider(world, self._progress)
        self._tell.say(
            f"{report.accounts:,} accounts, {report.events:,} requests over {report.days} days from "
            f"{report.start[:10]}.\nAmong them small campaigns like those of February 2024, mostly in mundane words, "
            "and many innocents who look like them.\nWhich account is which is in truth.parquet; nobody opens that "
            "before the end."
        )
        return parse_rfc3339(report.start)

    def _hire(self) -> People:
        self._tell.step("People get roles")
        people = hire(self._runtime)
        self._tell.say("anna is analyst, amir approver, rosa reporter, uwe auditor. Nobody can decide alone.")
        return people

    def _take_in(self, world: Path) -> None:
        self._tell.step("Traffic comes in")
        reports = take_in(self._runtime, world, self._progress)
        self._tell.say(
            f"{sum(report.accepted for report in reports):,} records accepted, "
            f"{sum(report.rejected for report in reports)} rejected; texts are encrypted, "
            "the key lies outside the home."
        )

    def _lead(self, world: Path, people: People) -> Lead:
        self._tell.step("Partners speak: a bundle, lists of shared infrastructure, and a peer's lead")
        bundle, *lists = take_intel(self._runtime, world)
        lead = take_lead(self._runtime, world, people.analyst)
        self._tell.say(
            f"{bundle.indicators} indicators (some stale, wrong or irrelevant), {len(lists)} lists of shared things.\n"
            f"Lead from {lead.source}, grade {lead.grade}, TLP:{lead.tlp.value.upper()}: {lead.title}; "
            f"{len(lead.observables)} observables, said to be {self._called(lead.actor)}."
        )
        return lead

    def _called(self, name: str | None) -> str:
        """A name as the lead gives it, and the tracked actors that it means."""
        profiles = load_profiles((shipped("profiles"), *self._runtime.settings.profiles))
        spellings = [(profile.actor_id, one.name, one.source) for profile in profiles for one in profile.names]
        meant = ActorNames.load(self._runtime.database, spellings).tracked_actors(name) if name else ()
        known = ", ".join(hypothesis_words(actor) for actor in meant)
        return f"{name or 'nobody known'}" + (f" (another firm's name for {known})" if known not in ("", name) else "")

    def _hunt(self, lead: Lead) -> None:
        self._tell.step("The hunt: detections, evidence, links, clusters, assessments, cases")
        report = self._runtime.hunt(progress=self._progress)
        hits = lead_hits(self._runtime.lake, self._runtime.database, lead.lead_id)
        self._tell.say(
            f"{report.detections:,} detections, {report.links:,} pairs compared, {report.clusters} clusters, "
            f"{report.cases_opened} cases.\nThe lead hits {len(hits.accounts)} accounts in {hits.events:,} requests. "
            "A hit is no guilt."
        )

    def _examine(self, people: People) -> list[tuple[Case, Judgement]]:
        self._tell.step("The analyst examines every case (her judgement is scripted, on what the case shows)")
        judged = []
        for case in list_cases(self._runtime.database):
            review.claim(self._runtime.database, self._runtime.ledger, people.analyst, case.case_id)
            file = self._file(case)
            verdict = judge(self._runtime, file)
            judged.append((case, verdict))
            self._tell.say(f"{case.case_id}: {_assessment(file)}\n  -> she {_DOES[verdict.verdict]}: {verdict.reason}")
            for account_id, why in verdict.left_out:
                self._tell.say(f"     left out: {account_id}, {why}")
        return judged

    def _clear(self, people: People, judged: Sequence[tuple[Case, Judgement]]) -> tuple[Case, ...]:
        self._tell.step("Look-alikes are cleared")
        runtime = self._runtime
        cleared = [(case, each) for case, each in judged if each.verdict is Verdict.CLEAR]
        if not cleared:
            raise NotFound("no group of innocent look-alikes came up", remedy="the demo's world or the weights changed")
        for case, each in cleared:
            file = self._file(case)
            for alternative in file.alternatives:
                holds = "Holds." if alternative.source == BENIGN else "Holds as well."
                review.answer_alternative(
                    runtime.database,
                    runtime.ledger,
                    runtime.lake,
                    people.analyst,
                    case.case_id,
                    alternative.alternative_id,
                    f"{holds} {each.reason}",
                )
            review.clear(runtime.database, runtime.ledger, runtime.lake, people.analyst, case.case_id, each.reason)
            self._tell.say(
                f"{case.case_id}: {len(case.account_ids)} accounts cleared; the same evidence will not reopen it."
            )
        return tuple(get_case(runtime.database, case.case_id) for case, _ in cleared)

    def _act(self, people: People, judged: Sequence[tuple[Case, Judgement]], endpoint: Endpoint) -> tuple[Case, ...]:
        self._tell.step("Two people decide: anna proposes, amir approves the exact accounts and evidence")
        chosen = [(case, each) for case, each in judged if each.verdict is Verdict.PROPOSE and each.account_ids]
        if not chosen:
            raise NotFound("no case leads to an action", remedy="the demo's world or the weights changed")
        samples = [each.account_ids[0] for _, each in chosen]
        before = {account: _asked(endpoint, account) for account in samples}
        for case, each in chosen:
            self._suspend(people, case, each, endpoint)
        self._tell.step("The decision endpoint is asked over HTTP, as a gateway does")
        for account in samples:
            after = _asked(endpoint, account)
            self._tell.say(f"{account}: before {before[account]}, now {after}")
            if before[account] != "204 allow" or not after.startswith("403 suspended"):
                raise IntegrityError("the suspension is not in effect at the decision endpoint", where=account)
        return tuple(get_case(self._runtime.database, case.case_id) for case, _ in chosen)

    def _suspend(self, people: People, case: Case, judged: Judgement, endpoint: Endpoint) -> None:
        runtime, file = self._runtime, self._file(case)
        for alternative in file.unanswered:
            review.answer_alternative(
                runtime.database,
                runtime.ledger,
                runtime.lake,
                people.analyst,
                case.case_id,
                alternative.alternative_id,
                answer_to(alternative, file),
            )
        proposal = proposals.propose(
            runtime.database,
            runtime.ledger,
            runtime.lake,
            people.analyst,
            case.case_id,
            ActionKind.SUSPEND,
            _STATE if file.hypotheses[0].kind is HypothesisKind.TRACKED_ACTOR else _UNKNOWN,
            account_ids=judged.account_ids,
        )
        taken = proposals.approve(
            runtime.database,
            runtime.ledger,
            runtime.lake,
            people.approver,
            proposal.proposal_id,
            self._shown(case, judged).digest,
        )
        gateway = DecisionEndpoint(runtime.database, url=endpoint.url, token=endpoint.token)
        verified = deliver(runtime.database, runtime.ledger, [gateway], all_waiting=True).verified
        self._tell.say(
            f"{case.case_id}: {len(taken)} accounts suspended, {verified} verified by the gateway's "
            f"own answer; hash of accounts and evidence {proposal.evidence_hash[:12]}"
        )
        for warning in proposal.collateral.warnings:
            self._tell.say(f"  shown before the decision: {warning}")

    def _linking(self, acted: Sequence[Case]) -> LinkedOnly:
        self._tell.step("What only linking finds")
        suspended = {action.account_id for action in list_actions(self._runtime.database)}
        found = find_linked_only(self._runtime, acted, suspended)
        self._tell.say(
            f"{found.account_id} matches no indicator, pasted nothing that anybody reported, and its own "
            f"evidence stays below the case threshold.\nIt is in {found.case.case_id} through {found.ties}."
        )
        return found

    def _disclose(self, people: People, acted: Sequence[Case], lead: Lead, start_us: int) -> tuple[Path, Path]:
        runtime, bundle, report = self._runtime, self._folder / "bundle.stix.json", self._folder / "report"
        self._tell.step("Peers are told: a STIX 2.1 bundle, and an answer to the lead")
        hits = set(lead_hits(runtime.lake, runtime.database, lead.lead_id).accounts)
        told = max(acted, key=lambda case: len(hits & set(case.account_ids)))
        shared = share_bundle(runtime, people.analyst, told, bundle)
        reply = answer(runtime, people.analyst, lead, acted)
        self._tell.say(
            f"{len(shared.bundle['objects'])} objects, {shared.count('indicator')} indicators, "
            f"{shared.count('user-account')} accounts under pseudonyms, TLP:AMBER: {bundle}\n"
            f"Answer to the lead: {reply.answer}, {reply.accounts} accounts; the cleared ones are not mentioned."
        )
        self._tell.step("The public is told: the transparency report, published and verified")
        publish(runtime, people.reporter, start_us, report)
        self._tell.say(f"{report / 'report.html'} (small counts suppressed; every figure is on the ledger)")
        return bundle, report

    def _audit(self) -> None:
        self._tell.step("The ledger is verified")
        found = self._runtime.ledger.verify()
        self._tell.say(found.explanation)
        if not found.ok:
            raise IntegrityError(found.explanation, where="ledger")

    def _score(self, world: Path, linked_only: LinkedOnly) -> Score:
        self._tell.step("Only now: the truth, and how good all this was")
        suspended = {action.account_id for action in list_actions(self._runtime.database)}
        in_cases = {account for case in list_cases(self._runtime.database) for account in case.account_ids}
        found = score(world / "truth.parquet", suspended, in_cases, linked_only.account_id)
        self._tell.say(found.prose)
        if not found.linked_only_is_planted:
            raise IntegrityError("the account that linking alone found is innocent", where=linked_only.account_id)
        self._tell.say(f"{linked_only.account_id}, which only linking found, is a planted one.")
        return found

    def _shown(self, case: Case, judged: Judgement) -> EvidenceFile:
        """What the approver sees: the case as it is now, the accounts of the proposal alone."""
        now = get_case(self._runtime.database, case.case_id)
        return build_evidence_file(self._runtime.lake, self._runtime.database, now, judged.account_ids)

    def _file(self, case: Case) -> EvidenceFile:
        return build_evidence_file(
            self._runtime.lake, self._runtime.database, get_case(self._runtime.database, case.case_id)
        )


def _asked(endpoint: Endpoint, account_id: str) -> str:
    reply = endpoint.ask(account_id)
    if reply.status_code == 204:
        return f"204 {reply.headers['X-Stormwatch-State']}"
    said = reply.json()
    return f"{reply.status_code} suspended, reason {said['reason_code']}, appeal at {said['appeal_url']}"


def _assessment(file: EvidenceFile) -> str:
    """Likelihood and confidence in sentences of their own, as ICD 203 asks."""
    leading = hypothesis_words(file.hypotheses[0].hypothesis if file.hypotheses else BENIGN)
    confidence = file.confidence.value if file.confidence else "no"
    return (
        f"{len(file.accounts)} accounts. Misuse of some kind is {likelihood_words(file.case.risk)}.\n"
        f"  Of {len(file.hypotheses)} rival explanations the first-ranked is {leading}; by itself it is "
        f"{file.likelihood}.\n  Confidence in this assessment is {confidence}."
    )
