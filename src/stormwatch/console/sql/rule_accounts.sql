-- The accounts that a rule hit, those it hit most first; of all accounts, or of some.
SELECT account_id, count(*) AS events, min(time_us) AS first_us, max(time_us) AS last_us
FROM detections WHERE rule_id = $rule AND ($everybody OR list_contains($accounts, account_id))
GROUP BY account_id
HAVING count(*) < $below OR (count(*) = $below AND account_id > $after_id)
ORDER BY count(*) DESC, account_id LIMIT $rows
