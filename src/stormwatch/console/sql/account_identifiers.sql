-- The identifiers of an account, the most used of each kind first.
SELECT kind, value, times, first_us, last_us
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY times DESC, value) AS place
    FROM (
        SELECT kind, value, count(*) AS times, min(time_us) AS first_us, max(time_us) AS last_us
        FROM sightings
        WHERE account_id = $account AND kind NOT IN ('session', 'prompt', 'rule', 'technique', 'indicator')
        GROUP BY kind, value
    ) AS counted
) AS mine
WHERE place <= $most
ORDER BY kind, times DESC, value
