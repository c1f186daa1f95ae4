-- What fired on an account, by rule.
SELECT rule_id, kind, any_value(techniques) AS techniques, max(score) AS score, bool_and(shadow) AS shadow,
    count(*) AS times, min(time_us) AS first_us, max(time_us) AS last_us
FROM detections WHERE account_id = $account
GROUP BY rule_id, kind ORDER BY max(score) DESC, count(*) DESC, rule_id LIMIT 100
