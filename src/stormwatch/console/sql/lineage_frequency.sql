-- In how many accounts each fingerprint of some accounts' code and documents occurs, of those in more than one.
SELECT hash, count(DISTINCT account_id) AS accounts
FROM (SELECT account_id, unnest(hashes) AS hash FROM fingerprints WHERE kind IN ('code-text', 'document')) AS held
WHERE hash IN (
    SELECT unnest(hashes) FROM fingerprints
    WHERE kind IN ('code-text', 'document') AND list_contains($accounts, account_id)
)
GROUP BY hash HAVING count(DISTINCT account_id) > 1
