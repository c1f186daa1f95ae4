-- Values that at least two and at most `cap` accounts have (the cap is joined from a one-row table `setting`).
SELECT identifiers.kind, identifiers.value, COUNT(*) AS accounts
FROM identifiers
CROSS JOIN setting
GROUP BY identifiers.kind, identifiers.value, setting.frequency_cap
HAVING COUNT(*) >= 2 AND COUNT(*) <= setting.frequency_cap
ORDER BY identifiers.kind, identifiers.value
