-- Everything that a pair of candidates has in common: identifiers, passages of code, and sign-ups soon after each other.
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
UNION ALL
SELECT
    candidates.account_id_a,
    candidates.account_id_b,
    'sign-up' AS kind,
    'within ' || CAST(CAST(CEIL(ABS(a.created_us - b.created_us) / 60000000.0) AS BIGINT) AS VARCHAR) || ' min' AS value,
    ABS(a.place - b.place) + 1 AS accounts
FROM candidates
INNER JOIN sign_ups AS a ON a.account_id = candidates.account_id_a
INNER JOIN sign_ups AS b ON b.account_id = candidates.account_id_b
INNER JOIN reach ON reach.kind = 'sign-up'
WHERE ABS(a.created_us - b.created_us) <= 3600000000 AND ABS(a.place - b.place) + 1 <= reach.corroborates_up_to
ORDER BY account_id_a, account_id_b, kind, value
