-- What an account did, in one row.
SELECT count(*) AS events, min(time_us) AS first_us, max(time_us) AS last_us,
    count(*) FILTER (WHERE refused) AS refused, count(*) FILTER (WHERE blocked) AS blocked,
    count(DISTINCT session_id) AS sessions, count(DISTINCT time_us // 86400000000) AS days
FROM events WHERE account_id = $account
