-- Other accounts that have enough rare passages of code and documents in common with some accounts.
WITH held AS (
    SELECT DISTINCT account_id, hash
    FROM (SELECT account_id, unnest(hashes) AS hash FROM fingerprints WHERE kind IN ('code-text', 'document')) AS each
    WHERE hash IN (
        SELECT unnest(hashes) FROM fingerprints
        WHERE kind IN ('code-text', 'document') AND list_contains($accounts, account_id)
    )
)
SELECT account_id, count(*) AS passages
FROM held
WHERE hash IN (SELECT hash FROM held GROUP BY hash HAVING count(*) BETWEEN 2 AND $cap)
    AND NOT list_contains($accounts, account_id)
GROUP BY account_id HAVING count(*) >= $fewest
ORDER BY count(*) DESC, account_id LIMIT $rows
