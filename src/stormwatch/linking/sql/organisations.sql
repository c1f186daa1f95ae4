-- The organisation of each account: what the record says, else what its events say most often.
WITH by_event AS (
    SELECT account_id, org_id, COUNT(*) AS uses
    FROM events WHERE org_id IS NOT NULL GROUP BY account_id, org_id
),
ranked AS (
    SELECT account_id, org_id, ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY uses DESC, org_id) AS place
    FROM by_event
),
known AS (
    SELECT account_id FROM ranked WHERE place = 1
    UNION
    SELECT account_id FROM account_records WHERE org_id IS NOT NULL
)
SELECT known.account_id, COALESCE(account_records.org_id, ranked.org_id) AS org_id
FROM known
LEFT JOIN account_records ON account_records.account_id = known.account_id
LEFT JOIN ranked ON ranked.account_id = known.account_id AND ranked.place = 1
