-- How many accounts show each of some values, by kind. Apart from the query that finds them, because a join would read
-- every identifier of every account.
SELECT kind, value, count(DISTINCT account_id) AS accounts
FROM sightings WHERE list_contains($values, value)
GROUP BY kind, value
