-- The assessment that covers an account, alone or in its cluster.
SELECT subject_id FROM assessments WHERE list_contains(account_ids, $account) ORDER BY len(account_ids) DESC LIMIT 1
