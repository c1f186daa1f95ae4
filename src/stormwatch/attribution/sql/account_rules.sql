-- Which rules and correlations fired for which account: not those in shadow, and once per account and rule.
-- A correlation that is not about one account has neither techniques nor topic, so it adds nothing.
SELECT account_id, rule_id, topic, MIN(time_us) AS first_us, COUNT(*) AS firings
FROM detections
WHERE kind IN ('rule', 'correlation') AND NOT shadow
GROUP BY account_id, rule_id, topic
ORDER BY account_id, rule_id
