-- The links of an account, firmest first.
SELECT account_id_a, account_id_b FROM links WHERE account_id_a = $account OR account_id_b = $account
ORDER BY match_weight DESC, account_id_a, account_id_b LIMIT 200
