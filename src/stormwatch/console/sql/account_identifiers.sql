-- The identifiers of an account, the most used of each kind first, each with the number of accounts that show it.
SELECT mine.kind, mine.value, mine.times, mine.first_us, mine.last_us, count(DISTINCT seen.account_id) AS accounts
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY times DESC, value) AS place
    FROM (
        SELECT kind, value, count(*) AS times, min(time_us) AS first_us, max(time_us) AS last_us
        FROM sightings
        WHERE account_id = $account AND kind NOT IN ('session', 'prompt', 'rule', 'technique', 'indicator')
        GROUP BY kind, value
    ) AS counted
) AS mine
JOIN sightings AS seen ON seen.kind = mine.kind AND seen.value = mine.value
WHERE mine.place <= $most
GROUP BY mine.kind, mine.value, mine.times, mine.first_us, mine.last_us
ORDER BY mine.kind, mine.times DESC, mine.value
