-- The accounts that share an identifier, those that show it most first.
SELECT found.*, judged.risk, judged.calibrated_on
FROM (
    SELECT account_id, count(*) AS times, count(DISTINCT nullif(event_id, '')) AS events,
        min(time_us) AS first_us, max(time_us) AS last_us, string_agg(DISTINCT field, ', ' ORDER BY field) AS fields
    FROM sightings WHERE ($kind = '' OR kind = $kind) AND value = $value
    GROUP BY account_id
) AS found
LEFT JOIN (
    SELECT account_id, max(risk) AS risk, min(calibrated_on) AS calibrated_on
    FROM (SELECT unnest(account_ids) AS account_id, risk, calibrated_on FROM assessments) AS single
    GROUP BY account_id
) AS judged ON judged.account_id = found.account_id
WHERE found.times < $before_times OR (found.times = $before_times AND found.account_id > $after_id)
ORDER BY found.times DESC, found.account_id LIMIT $rows
