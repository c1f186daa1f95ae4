-- Which rules fired for which account: not those in shadow, and once per account and rule.
SELECT account_id, rule_id, topic, MIN(time_us) AS first_us, COUNT(*) AS firings
FROM detections
WHERE kind = 'rule' AND NOT shadow
GROUP BY account_id, rule_id, topic
ORDER BY account_id, rule_id
