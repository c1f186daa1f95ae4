"""The material of a case into a STIX 2.1 bundle: who, what, how sure, what was done, and nobody's name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from stormwatch.actions.decisions import KEEPS_OUT
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.model.assessment import HypothesisKind
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.icd_203 import likelihood_words
from stormwatch.model.intel import TLP
from stormwatch.model.times import DAY, format_rfc3339
from stormwatch.sharing.material import CaseMaterial, SeenObservable
from stormwatch.sharing.pseudonyms import Pseudonyms
from stormwatch.stix.confidence import confidence_of_probability
from stormwatch.stix.markings import may_pass
from stormwatch.stix.patterns import pattern_of
from stormwatch.stix.techniques import LlmTechnique, llm_techniques
from stormwatch.stix.writing import StixObject, StixWriter

# How long after its last sighting an indicator of ours holds: hired servers change hands within months.
VALID_DAYS: Final = 90
_SECTORS: Final = ("technology",)
_DEEDS: Final = {
    ActionKind.TERMINATE: "Accounts terminated",
    ActionKind.SUSPEND: "Accounts suspended",
    ActionKind.LIMIT: "Accounts limited",
    ActionKind.VERIFY: "Accounts limited until their holders confirm who they are",
    ActionKind.ROTATE_KEY: "Accounts whose keys were replaced",
    ActionKind.WATCH: "Accounts put under watch",
}


@dataclass(frozen=True, slots=True)
class BundleTerms:
    """By whom, for whom and at what level a bundle is made."""

    provider: str
    tlp: TLP
    pseudonyms: Pseudonyms
    now_us: int


@dataclass(frozen=True, slots=True)
class SharedBundle:
    """A bundle and what was left out of it, by reason."""

    bundle: StixObject
    withheld: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str) -> int:
        """How many objects of a type it holds."""
        return sum(1 for one in self.bundle["objects"] if one["type"] == kind)


def case_bundle(material: CaseMaterial, terms: BundleTerms) -> SharedBundle:
    """The bundle of a case. Observables from stricter sources, and those that many share, are left out and counted."""
    return _CaseWriter(material, terms, StixWriter(terms.provider, terms.tlp, terms.now_us)).write()


@dataclass(frozen=True, slots=True)
class _CaseWriter:
    material: CaseMaterial
    terms: BundleTerms
    stix: StixWriter

    def write(self) -> SharedBundle:
        withheld: Counter[str] = Counter()
        identity = self.stix.identity(_SECTORS)
        campaign = self._campaign()
        actor = self._actor(campaign)
        accounts = self._accounts()
        self._sighting(campaign, identity, accounts)
        for seen in self.material.observables:
            reason = self._reason_to_withhold(seen)
            if reason is None:
                self._indicator(seen, campaign)
            else:
                withheld[reason] += 1
        self._techniques(campaign)
        self._deeds(campaign)
        self._assessment(campaign, actor)
        return SharedBundle(self.stix.bundle(self.material.case.case_id, self.terms.pseudonyms.audience), withheld)

    def _campaign(self) -> StixObject:
        count = len(self.material.case.account_ids)
        body = {
            "name": f"Activity {self._public_name()}",
            "description": f"Use of a language-model service by {count} linked account{'s' if count != 1 else ''}.",
            "first_seen": _time(self.material.first_us),
            "last_seen": _time(self.material.last_us),
        }
        return self._thing("campaign", (self.material.case.case_id,), body)

    def _public_name(self) -> str:
        """A name that tells this case from others and nothing else: the random end of its id."""
        return self.material.case.case_id.rpartition("-")[2][-8:].upper()

    def _actor(self, campaign: StixObject) -> StixObject | None:
        if not self.material.hypotheses or self.material.hypotheses[0].kind is not HypothesisKind.TRACKED_ACTOR:
            return None
        first = self.material.hypotheses[0]
        names = self.material.actor_names.get(first.hypothesis, ()) or (hypothesis_words(first.hypothesis),)
        body = {"name": names[0], "aliases": list(names[1:])}
        actor = self.stix.word("intrusion-set", (first.hypothesis,), body)
        judged = {
            "confidence": confidence_of_probability(first.probability),
            "description": f"Judged {_words_of(first.probability)}.{self._ground()}",
        }
        self.stix.relationship(campaign, "attributed-to", actor, self.material.case.opened_us, judged)
        return actor

    def _ground(self) -> str:
        return f" Calibrated on {self.material.calibrated_on}." if self.material.calibrated_on else ""

    def _accounts(self) -> list[StixObject]:
        suspended = {
            action.account_id for action in self.material.actions if action.kind in KEEPS_OUT and action.in_force
        }
        pseudonyms = sorted(
            (self.terms.pseudonyms.of(account_id), account_id in suspended)
            for account_id in self.material.case.account_ids
        )
        return [
            self.stix.observable("user-account", {"user_id": pseudonym}, {"is_disabled": disabled})
            for pseudonym, disabled in pseudonyms
        ]

    def _sighting(self, campaign: StixObject, identity: StixObject, accounts: list[StixObject]) -> None:
        span = {"first_observed": _time(self.material.first_us), "last_observed": _time(self.material.last_us)}
        observed = self._thing(
            "observed-data",
            (self.material.case.case_id,),
            {**span, "number_observed": max(1, self.material.events), "object_refs": [one["id"] for one in accounts]},
        )
        self._thing(
            "sighting",
            (self.material.case.case_id,),
            {
                "sighting_of_ref": campaign["id"],
                "observed_data_refs": [observed["id"]],
                "where_sighted_refs": [identity["id"]],
                "first_seen": span["first_observed"],
                "last_seen": span["last_observed"],
                "count": max(1, self.material.events),
            },
        )

    def _reason_to_withhold(self, seen: SeenObservable) -> str | None:
        if seen.tlp is not None and not may_pass(seen.tlp, self.terms.tlp):
            return f"from a source marked TLP:{seen.tlp.value.upper()}"
        if seen.shared_lists:
            return "shared infrastructure"
        try:
            pattern_of(seen.observable)
        except ValueError:
            return f"STIX has no pattern for {seen.observable.kind.value}"
        return None

    def _indicator(self, seen: SeenObservable, campaign: StixObject) -> None:
        body = {
            "name": f"{seen.observable.kind.value} {seen.observable.value}",
            "description": "Seen with this campaign. Whoever meets it elsewhere should look for conduct beside it.",
            "indicator_types": ["malicious-activity"],
            "pattern": pattern_of(seen.observable),
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": _time(seen.first_us),
            "valid_until": _time(seen.last_us + VALID_DAYS * DAY),
            "confidence": seen.confidence,
        }
        parts = (self.material.case.case_id, seen.observable.kind.value, seen.observable.value)
        indicator = self._thing("indicator", parts, body)
        self.stix.relationship(indicator, "indicates", campaign, self.material.case.opened_us)

    def _techniques(self, campaign: StixObject) -> None:
        known = llm_techniques()
        for technique_id in sorted(self.material.techniques):
            technique = known.get(technique_id.upper())
            if technique is not None:
                body = {"name": technique.name, "external_references": _references(technique)}
                pattern = self.stix.word("attack-pattern", (technique.technique_id,), body)
                self.stix.relationship(campaign, "uses", pattern, self.material.case.opened_us)

    def _deeds(self, campaign: StixObject) -> None:
        by_kind: dict[ActionKind, list[Action]] = {}
        for action in self.material.actions:
            if action.in_force:
                by_kind.setdefault(action.kind, []).append(action)
        for kind, done in sorted(by_kind.items()):
            verified = sum(1 for action in done if action.verified_us is not None)
            body = {
                "name": _DEEDS[kind],
                "description": f"{len(done)} by decision of two people; verified at the gateway for {verified}.",
            }
            deed = self._thing("course-of-action", (self.material.case.case_id, kind.value), body)
            self.stix.relationship(deed, "related-to", campaign, self.material.case.opened_us)

    def _assessment(self, campaign: StixObject, actor: StixObject | None) -> None:
        about = [campaign["id"], *([actor["id"]] if actor else [])]
        body = {"abstract": "An assessment, not a statement of fact", "content": self._words(), "object_refs": about}
        self._thing("note", (self.material.case.case_id,), body)

    def _words(self) -> str:
        """Sentences of the assessment; likelihood and confidence are two judgements and never share one (ICD 203)."""
        if not self.material.hypotheses:
            return "The accounts were linked; who is behind them has not been assessed."
        first, *others = self.material.hypotheses
        sentences = [
            "This is an assessment, not a statement of fact.",
            f"It is judged {_words_of(first.probability)} that the explanation is: "
            f"{hypothesis_words(first.hypothesis)}.",
        ]
        if self.material.confidence is not None:
            sentences.append(f"Confidence in this judgement is {self.material.confidence.value}.")
        if self.material.calibrated_on:
            sentences.append(self._ground().strip())
        rivals = [f"{hypothesis_words(one.hypothesis)} ({_words_of(one.probability)})" for one in others]
        if rivals:
            sentences.append(f"Also considered: {'; '.join(rivals)}.")
        sentences += self.material.name_conflicts.get(first.hypothesis, ())
        sentences.append("Accounts carry pseudonyms made for this audience alone.")
        return " ".join(sentences)

    def _thing(self, kind: str, parts: tuple[str, ...], body: dict[str, Any]) -> StixObject:
        return self.stix.thing(kind, parts, body, self.material.case.opened_us)


def _words_of(probability: float) -> str:
    return likelihood_words(min(1.0, max(0.0, probability)))


def _references(technique: LlmTechnique) -> list[dict[str, str]]:
    return [
        {"source_name": "stormwatch-llm-techniques", "external_id": technique.technique_id},
        *({"source_name": "mitre-attack", "external_id": one} for one in technique.attack),
        *({"source_name": "mitre-atlas", "external_id": one} for one in technique.atlas),
    ]


def _time(time_us: int) -> str:
    return format_rfc3339(time_us // 1000 * 1000)
