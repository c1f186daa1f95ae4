-- Blocking: pairs of accounts that share a value that is rare enough, or passages of code; accounts of one organisation
-- are openly together and so no candidates for being one hidden operator, and victims of an intruder are nobody's.
WITH met AS (
    SELECT a.account_id AS account_id_a, b.account_id AS account_id_b
    FROM shared_values
    INNER JOIN reach ON reach.kind = shared_values.kind AND shared_values.accounts <= reach.blocks_up_to
    INNER JOIN identifiers AS a ON a.kind = shared_values.kind AND a.value = shared_values.value
    INNER JOIN identifiers AS b
        ON b.kind = shared_values.kind AND b.value = shared_values.value AND a.account_id < b.account_id
    UNION
    SELECT account_id_a, account_id_b FROM shared_code
)
SELECT met.account_id_a, met.account_id_b
FROM met
LEFT JOIN organisations AS org_a ON org_a.account_id = met.account_id_a
LEFT JOIN organisations AS org_b ON org_b.account_id = met.account_id_b
LEFT JOIN victims AS victim_a ON victim_a.account_id = met.account_id_a
LEFT JOIN victims AS victim_b ON victim_b.account_id = met.account_id_b
WHERE (org_a.org_id IS NULL OR org_b.org_id IS NULL OR org_a.org_id <> org_b.org_id)
AND victim_a.account_id IS NULL AND victim_b.account_id IS NULL
ORDER BY met.account_id_a, met.account_id_b
