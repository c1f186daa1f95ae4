-- The mail domain that each account signed up with.
SELECT account_id, email_domain
FROM account_records
WHERE email_domain IS NOT NULL
ORDER BY account_id
