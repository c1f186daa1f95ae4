-- How often an identifier was seen, by kind and place.
SELECT kind, field, count(*) AS times, count(DISTINCT account_id) AS accounts, min(time_us) AS first_us, max(time_us) AS last_us
FROM sightings WHERE ($kind = '' OR kind = $kind) AND value = $value
GROUP BY kind, field ORDER BY kind, field
