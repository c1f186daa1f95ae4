-- Pairs of accounts that share fingerprints which few accounts have: candidates for one program under several accounts.
-- What more than $frequency_cap accounts have is quoted from somewhere, or how everybody writes, and makes no pair.
WITH held AS (
    SELECT DISTINCT kind, hash, account_id FROM fingerprint_hashes
),
rare AS (
    SELECT kind, hash, COUNT(*) AS accounts
    FROM held
    GROUP BY kind, hash
    HAVING COUNT(*) >= 2 AND COUNT(*) <= $frequency_cap
)
SELECT
    a.account_id AS account_id_a,
    b.account_id AS account_id_b,
    rare.kind AS kind,
    COUNT(*) AS shared,
    MIN(rare.accounts) AS accounts
FROM rare
INNER JOIN held AS a ON a.kind = rare.kind AND a.hash = rare.hash
INNER JOIN held AS b ON b.kind = rare.kind AND b.hash = rare.hash AND a.account_id < b.account_id
GROUP BY a.account_id, b.account_id, rare.kind
HAVING COUNT(*) >= $fewest_shared
ORDER BY account_id_a, account_id_b, kind
