-- Which accounts show each of some values, of those that few enough accounts show. Apart from the query that finds the
-- values, because a join would read every identifier of every account.
SELECT kind, value, accounts
FROM (
    SELECT kind, value, list(DISTINCT account_id) AS accounts
    FROM sightings WHERE list_contains($values, value)
    GROUP BY kind, value
) AS held
WHERE len(accounts) BETWEEN 2 AND $most
ORDER BY kind, value
