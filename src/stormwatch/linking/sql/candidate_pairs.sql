-- Everything that a pair of candidates has in common: identifiers and passages of code.
SELECT
    candidates.account_id_a AS account_id_a,
    candidates.account_id_b AS account_id_b,
    shared_values.kind AS kind,
    shared_values.value AS value,
    shared_values.accounts AS accounts
FROM candidates
INNER JOIN identifiers AS a ON a.account_id = candidates.account_id_a
INNER JOIN identifiers AS b
    ON b.account_id = candidates.account_id_b AND b.kind = a.kind AND b.value = a.value
INNER JOIN shared_values ON shared_values.kind = a.kind AND shared_values.value = a.value
UNION ALL
SELECT candidates.account_id_a, candidates.account_id_b, shared_code.kind, shared_code.value, shared_code.accounts
FROM candidates
INNER JOIN shared_code
    ON shared_code.account_id_a = candidates.account_id_a AND shared_code.account_id_b = candidates.account_id_b
ORDER BY account_id_a, account_id_b, kind, value
