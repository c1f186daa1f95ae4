-- Values that at least two accounts have, and no more than their kind allows (table `reach`: kind, blocks_up_to,
-- corroborates_up_to).
SELECT identifiers.kind, identifiers.value, COUNT(*) AS accounts
FROM identifiers
INNER JOIN reach ON reach.kind = identifiers.kind
GROUP BY identifiers.kind, identifiers.value, reach.corroborates_up_to
HAVING COUNT(*) >= 2 AND COUNT(*) <= reach.corroborates_up_to
ORDER BY identifiers.kind, identifiers.value
