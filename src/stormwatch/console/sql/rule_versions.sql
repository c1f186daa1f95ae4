-- What each version of a rule hit, the latest first.
SELECT rule_version, count(*) AS events, count(DISTINCT account_id) AS accounts, min(time_us) AS first_us,
    max(time_us) AS last_us
FROM detections WHERE rule_id = $rule
GROUP BY rule_version ORDER BY max(time_us) DESC, rule_version LIMIT 20
