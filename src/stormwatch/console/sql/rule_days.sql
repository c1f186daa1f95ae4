-- On how many requests and accounts a rule fired, by day: the latest days first.
SELECT time_us // 86400000000 AS day, count(*) AS events, count(DISTINCT account_id) AS accounts
FROM detections WHERE rule_id = $rule
GROUP BY time_us // 86400000000 ORDER BY time_us // 86400000000 DESC LIMIT $rows
