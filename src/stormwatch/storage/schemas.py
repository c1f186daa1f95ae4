"""Schemas of the lake's tables: what one stage hands to the next. Times are microseconds since the epoch, UTC."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_STRINGS: Final = pa.list_(pa.string())

EVENTS: Final = pa.schema(
    [
        ("collector", pa.string()),
        ("event_id", pa.string()),
        ("time_us", pa.int64()),
        ("ingested_us", pa.int64()),
        ("account_id", pa.string()),
        ("org_id", pa.string()),
        ("end_user_id", pa.string()),
        ("api_key_id", pa.string()),
        ("session_id", pa.string()),
        ("source_ip", pa.string()),  # canonical text, or null when unreadable
        ("ip_source", pa.string()),
        ("asn", pa.int64()),
        ("country", pa.string()),
        ("user_agent", pa.string()),
        ("tls_fingerprint", pa.string()),
        ("device_id", pa.string()),
        ("operation", pa.string()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("tools_offered", pa.string()),  # sorted names joined by a comma, or null
        ("tool_calls", pa.int64()),  # how many
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("finish_reason", pa.string()),
        ("error_type", pa.string()),
        ("duration_ms", pa.float64()),
        ("refused", pa.bool_()),
        ("blocked", pa.bool_()),
        ("moderation", pa.string()),  # JSON object or null
        ("conflicting", pa.bool_()),  # the id was already taken by other content
        ("prompt_chars", pa.int64()),
        ("prompt_hash", pa.string()),  # keyed hash of the prompt, null when empty
        ("script", pa.string()),  # dominant writing system of the prompt: Latn, Cyrl, Hans, Arab, Hang, ...
        ("segment", pa.string()),  # which pair of files below events/ and texts/ holds it
        ("text_chunk", pa.int64()),
        ("text_row", pa.int64()),
    ]
)

TEXTS: Final = pa.schema(
    [
        ("segment", pa.string()),
        ("chunk", pa.int64()),
        ("rows", pa.int64()),
        ("sealed", pa.binary()),  # AES-256-GCM over zstd over a msgpack list of EventText
    ]
)

EVENT_KEYS: Final = pa.schema(
    [
        ("key", pa.binary(16)),  # keyed hash of (collector, event_id)
        ("content", pa.binary(16)),  # keyed hash of the event as it was sent
    ]
)

ACCOUNT_RECORDS: Final = pa.schema(
    [
        ("account_id", pa.string()),
        ("org_id", pa.string()),
        ("created_us", pa.int64()),
        ("signup_ip", pa.string()),
        ("signup_country", pa.string()),
        ("claimed_country", pa.string()),
        ("email_domain", pa.string()),
        ("email_hash", pa.string()),
        ("phone_prefix", pa.string()),
        ("phone_hash", pa.string()),
        ("payment_fingerprint", pa.string()),
        ("device_id", pa.string()),
        ("programme", pa.string()),
        ("verified_researcher", pa.bool_()),
        ("status", pa.string()),
        ("attributes", pa.string()),  # JSON object or null
    ]
)

DETECTIONS: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("account_id", pa.string()),
        ("time_us", pa.int64()),
        ("rule_id", pa.string()),
        ("rule_version", pa.string()),
        ("kind", pa.string()),  # rule, correlation, indicator, artefact, detector, judge
        ("techniques", _STRINGS),
        ("score", pa.float64()),
        ("shadow", pa.bool_()),
        ("topic", pa.string()),  # the interest a topical rule stands for, else null
        ("observable_kind", pa.string()),  # for indicator and artefact: what matched; for correlation: what grouped
        ("observable_value", pa.string()),
        ("indicator_id", pa.string()),
    ]
)

JUDGEMENTS: Final = pa.schema(
    [
        ("text_hash", pa.string()),  # keyed hash of the text as it was shown
        ("model", pa.string()),
        ("prompt_version", pa.string()),
        ("asked_us", pa.int64()),
        ("requests", pa.int64()),  # a repair counts as a second one
        ("tokens", pa.int64()),
        ("verdict", pa.string()),  # null where no answer came, `unusable` where it was no verdict
    ]
)

OBSERVABLES: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("account_id", pa.string()),
        ("time_us", pa.int64()),
        ("kind", pa.string()),
        ("value", pa.string()),
        ("field", pa.string()),  # prompt, response, tool_arguments
    ]
)

FINGERPRINTS: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("account_id", pa.string()),
        ("time_us", pa.int64()),
        ("field", pa.string()),  # prompt, response, tool_arguments
        ("kind", pa.string()),  # code (its shape), code-text, document
        ("tokens", pa.int64()),
        ("hashes", pa.list_(pa.int64())),  # keyed; a repeated one means nothing
    ]
)

REQUEST_SHAPES: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("account_id", pa.string()),
        ("time_us", pa.int64()),
        ("opening", pa.int64()),  # keyed hash of how the prompt begins, null when it is short
        ("closing", pa.int64()),  # keyed hash of how it ends
        ("chars", pa.int64()),
        ("user_turns", pa.int64()),
        ("asked", pa.bool_()),  # the last turn is a person's or a program's own, not a tool's answer
        ("probe", pa.bool_()),  # its parameters test whether a key is alive
    ]
)

FINDINGS: Final = pa.schema(
    [
        ("detector", pa.string()),
        ("version", pa.string()),
        ("account_id", pa.string()),
        ("event_id", pa.string()),  # the event that completed it
        ("time_us", pa.int64()),
        ("score", pa.float64()),  # 0 to 1
        ("level", pa.int64()),  # autonomy level 0 to 4 where that is what was seen, else null
        ("summary", pa.string()),
        ("innocent_explanation", pa.string()),
    ]
)

ACCOUNT_DAY: Final = pa.schema(
    [
        ("account_id", pa.string()),
        ("day", pa.int64()),  # days since the epoch
        ("events", pa.int64()),
        ("refused", pa.int64()),
        ("blocked", pa.int64()),
        ("errors", pa.int64()),
        ("retries", pa.int64()),  # a request within two minutes of a refusal, in the same session or none
        ("tool_calls", pa.int64()),
        ("quick_gaps", pa.int64()),  # under two seconds after the one before
        ("gaps", pa.int64()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("first_us", pa.int64()),
        ("last_us", pa.int64()),
    ]
)

_EVIDENCE: Final = pa.struct(
    [
        ("kind", pa.string()),
        ("group", pa.string()),
        ("weight_bits", pa.float64()),
        ("summary", pa.string()),
        ("innocent_explanation", pa.string()),
        ("innocent_frequency", pa.float64()),
        ("event_time_us", pa.int64()),
        ("actors", _STRINGS),
        ("event_ids", _STRINGS),
    ]
)

ACCOUNT_EVIDENCE: Final = pa.schema(
    [("account_id", pa.string()), *((f.name, f.type) for f in _EVIDENCE), ("sources", _STRINGS)]
)

LINKS: Final = pa.schema(
    [
        ("account_id_a", pa.string()),
        ("account_id_b", pa.string()),
        ("match_weight", pa.float64()),
        ("probability", pa.float64()),
        (
            "evidence",
            pa.list_(
                pa.struct(
                    [
                        ("identifier_kind", pa.string()),
                        ("shared_values", _STRINGS),
                        ("weight_bits", pa.float64()),
                        ("innocent_explanation", pa.string()),
                    ]
                )
            ),
        ),
    ]
)

CLUSTERS: Final = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("previous_ids", _STRINGS),
        ("merged_into", pa.string()),
        ("account_ids", _STRINGS),
        ("membership", pa.list_(pa.float64())),  # of each account in turn: probability of its strongest link inside
        ("first_event_us", pa.int64()),
        ("last_event_us", pa.int64()),
    ]
)

ASSESSMENTS: Final = pa.schema(
    [
        ("subject_id", pa.string()),  # cluster id, or account id of one that stands alone
        ("account_ids", _STRINGS),
        (
            "hypotheses",
            pa.list_(pa.struct([("hypothesis", pa.string()), ("kind", pa.string()), ("probability", pa.float64())])),
        ),
        ("risk", pa.float64()),
        ("likelihood", pa.string()),
        ("confidence", pa.string()),
        ("calibrated_on", pa.string()),
        ("flagged_us", pa.int64()),
        ("evidence", pa.list_(_EVIDENCE)),  # the pieces that counted, also those of the cluster as a whole
        ("basis", pa.string()),  # JSON: versions of rules, lists, profiles, base rates used
    ]
)

# What an assessment was made of, whole, so that it can be asked what it would be without a part of that.
ASSESSMENT_GROUNDS: Final = pa.schema(
    [
        ("subject_id", pa.string()),
        ("account_ids", _STRINGS),
        ("evidence", pa.list_(pa.struct(list(ACCOUNT_EVIDENCE)))),  # every piece, also those that did not count
        ("habits", pa.string()),  # JSON: what tells actors apart
        ("prior", pa.float64()),
        ("threshold", pa.float64()),
    ]
)

TABLES: Final = {
    "events": EVENTS,
    "texts": TEXTS,
    "event_keys": EVENT_KEYS,
    "account_records": ACCOUNT_RECORDS,
    "detections": DETECTIONS,
    "judgements": JUDGEMENTS,
    "observables": OBSERVABLES,
    "fingerprints": FINGERPRINTS,
    "request_shapes": REQUEST_SHAPES,
    "findings": FINDINGS,
    "account_day": ACCOUNT_DAY,
    "account_evidence": ACCOUNT_EVIDENCE,
    "links": LINKS,
    "clusters": CLUSTERS,
    "assessments": ASSESSMENTS,
    "assessment_grounds": ASSESSMENT_GROUNDS,
}
