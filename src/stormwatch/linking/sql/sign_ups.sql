-- Accounts in the order in which they were made, from the records of the operator.
SELECT account_id, created_us, ROW_NUMBER() OVER (ORDER BY created_us, account_id) AS place
FROM account_records
WHERE created_us IS NOT NULL
