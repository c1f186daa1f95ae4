-- What the weights are made from: one row per account that was seen in an event or a record.
WITH counted AS (
    SELECT
        account_id,
        CAST(SUM(events) AS BIGINT) AS events,
        MIN(first_us) AS first_us,
        MAX(last_us) AS last_us
    FROM account_day
    GROUP BY account_id
),
known AS (
    SELECT account_id FROM counted
    UNION
    SELECT account_id FROM account_records
)
SELECT
    known.account_id,
    COALESCE(counted.events, 0) AS events,
    counted.first_us,
    counted.last_us,
    account_records.created_us,
    account_records.org_id,
    account_records.status
FROM known
LEFT JOIN counted ON counted.account_id = known.account_id
LEFT JOIN account_records ON account_records.account_id = known.account_id
ORDER BY known.account_id
