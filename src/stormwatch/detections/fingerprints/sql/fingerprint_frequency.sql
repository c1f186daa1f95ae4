-- In how many accounts each fingerprint occurs that occurs in more than one.
SELECT kind, hash, COUNT(DISTINCT account_id) AS accounts
FROM fingerprint_hashes
GROUP BY kind, hash
HAVING COUNT(DISTINCT account_id) >= 2
ORDER BY kind, hash
