-- Requests that a model may be asked about: a rule fired, and their account shows other evidence of enough bits. The
-- accounts with the most evidence come first, of each the requests with the gravest hits, and no account fills the list.
WITH strongest AS (
    SELECT account_id, evidence_group, MAX(weight_bits) AS bits
    FROM account_evidence_now
    GROUP BY account_id, evidence_group
),
shown AS (
    SELECT account_id, SUM(bits) AS bits
    FROM strongest
    GROUP BY account_id
    HAVING SUM(bits) >= $minimum_bits
),
fired AS (
    SELECT
        events.account_id,
        events.event_id,
        events.time_us,
        events.segment,
        events.text_chunk,
        events.text_row,
        MAX(shown.bits) AS bits,
        MAX(detections.score) AS score
    FROM detections
    JOIN shown ON shown.account_id = detections.account_id
    JOIN events
        ON events.event_id = detections.event_id
        AND events.account_id = detections.account_id
        AND events.time_us = detections.time_us
    WHERE detections.kind = 'rule' AND NOT detections.shadow AND events.text_chunk IS NOT NULL
    GROUP BY
        events.account_id, events.event_id, events.time_us, events.segment, events.text_chunk, events.text_row
),
ranked AS (
    SELECT
        fired.*,
        ROW_NUMBER() OVER (
            PARTITION BY account_id ORDER BY score DESC NULLS LAST, time_us NULLS LAST, event_id, segment, text_chunk, text_row
        ) AS place
    FROM fired
)
SELECT account_id, event_id, time_us, segment, text_chunk, text_row
FROM ranked
WHERE place <= $texts_of_account
ORDER BY bits DESC NULLS LAST, account_id NULLS LAST, place NULLS LAST
LIMIT $texts
