-- Blocking: pairs of accounts that share a value that is rare enough; accounts of one organisation are openly together
-- and so no candidates for being one hidden operator.
SELECT
    a.account_id AS account_id_a,
    b.account_id AS account_id_b,
    shared_values.kind AS kind,
    shared_values.value AS value,
    shared_values.accounts AS accounts
FROM shared_values
INNER JOIN identifiers AS a ON a.kind = shared_values.kind AND a.value = shared_values.value
INNER JOIN identifiers AS b
    ON b.kind = shared_values.kind AND b.value = shared_values.value AND a.account_id < b.account_id
LEFT JOIN organisations AS org_a ON org_a.account_id = a.account_id
LEFT JOIN organisations AS org_b ON org_b.account_id = b.account_id
WHERE org_a.org_id IS NULL OR org_b.org_id IS NULL OR org_a.org_id <> org_b.org_id
ORDER BY account_id_a, account_id_b, kind, value
