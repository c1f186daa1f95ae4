-- Writing systems and hours of the day (UTC) by account: they tell actors apart and never enter the risk.
SELECT account_id, script, CAST(FLOOR((time_us % 86400000000) / 3600000000.0) AS BIGINT) AS hour_utc, COUNT(*) AS events
FROM events
GROUP BY account_id, script, CAST(FLOOR((time_us % 86400000000) / 3600000000.0) AS BIGINT)
ORDER BY account_id, hour_utc, script
