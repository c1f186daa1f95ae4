-- How many requests each of the accounts (table `clustered`: account_id) sent from each address that the service itself
-- saw (none, where it only signed up from it), and how many accounts of all use that address.
WITH seen AS (
    SELECT account_id, source_ip, COUNT(*) AS requests
    FROM events
    WHERE source_ip IS NOT NULL AND ip_source <> 'asserted'
    GROUP BY account_id, source_ip
    UNION ALL
    SELECT account_id, signup_ip, 0 FROM account_records WHERE signup_ip IS NOT NULL
),

used AS (
    SELECT account_id, source_ip, CAST(SUM(requests) AS BIGINT) AS requests FROM seen GROUP BY account_id, source_ip
),

everyone AS (
    SELECT source_ip, COUNT(*) AS accounts FROM used GROUP BY source_ip
)

SELECT used.account_id, used.source_ip, used.requests, everyone.accounts
FROM used
INNER JOIN clustered ON clustered.account_id = used.account_id
INNER JOIN everyone ON everyone.source_ip = used.source_ip
ORDER BY used.account_id, used.source_ip
