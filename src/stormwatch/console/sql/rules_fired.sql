-- What each rule hit: how often, on how many accounts, when last, and with which version of it.
SELECT rule_id, any_value(kind) AS kind, count(*) AS events, count(DISTINCT account_id) AS accounts,
    max(time_us) AS last_us, max_by(rule_version, time_us) AS rule_version, any_value(techniques) AS techniques,
    bool_and(shadow) AS shadow
FROM detections
GROUP BY rule_id ORDER BY rule_id
