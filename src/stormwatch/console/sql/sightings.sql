-- Every identifier that was seen, where, on whom and when: what a pivot turns on. Filters on kind and value reach down
-- into the branches, so that a pivot reads the columns of its kind alone.
SELECT 'address' AS kind, source_ip AS value, 'connection' AS field, account_id, event_id, time_us FROM events WHERE source_ip IS NOT NULL
UNION ALL SELECT 'device', device_id, 'connection', account_id, event_id, time_us FROM events WHERE device_id IS NOT NULL
UNION ALL SELECT 'tls-fingerprint', tls_fingerprint, 'connection', account_id, event_id, time_us FROM events WHERE tls_fingerprint IS NOT NULL
UNION ALL SELECT 'user-agent', user_agent, 'connection', account_id, event_id, time_us FROM events WHERE user_agent IS NOT NULL
UNION ALL SELECT 'organisation', org_id, 'request', account_id, event_id, time_us FROM events WHERE org_id IS NOT NULL
UNION ALL SELECT 'api-key', api_key_id, 'request', account_id, event_id, time_us FROM events WHERE api_key_id IS NOT NULL
UNION ALL SELECT 'end-user', end_user_id, 'request', account_id, event_id, time_us FROM events WHERE end_user_id IS NOT NULL
UNION ALL SELECT 'session', session_id, 'request', account_id, event_id, time_us FROM events WHERE session_id IS NOT NULL
UNION ALL SELECT 'asn', CAST(asn AS VARCHAR), 'connection', account_id, event_id, time_us FROM events WHERE asn IS NOT NULL
UNION ALL SELECT 'prompt', prompt_hash, 'prompt', account_id, event_id, time_us FROM events WHERE prompt_hash IS NOT NULL
UNION ALL SELECT 'address', signup_ip, 'sign-up', account_id, '', created_us FROM account_records WHERE signup_ip IS NOT NULL
UNION ALL SELECT 'device', device_id, 'sign-up', account_id, '', created_us FROM account_records WHERE device_id IS NOT NULL
UNION ALL SELECT 'domain', email_domain, 'sign-up', account_id, '', created_us FROM account_records WHERE email_domain IS NOT NULL
UNION ALL SELECT 'email-hash', email_hash, 'sign-up', account_id, '', created_us FROM account_records WHERE email_hash IS NOT NULL
UNION ALL SELECT 'phone-hash', phone_hash, 'sign-up', account_id, '', created_us FROM account_records WHERE phone_hash IS NOT NULL
UNION ALL SELECT 'payment', payment_fingerprint, 'sign-up', account_id, '', created_us FROM account_records WHERE payment_fingerprint IS NOT NULL
UNION ALL SELECT 'programme', programme, 'sign-up', account_id, '', created_us FROM account_records WHERE programme IS NOT NULL
UNION ALL SELECT CASE kind WHEN 'ipv4-addr' THEN 'address' WHEN 'ipv6-addr' THEN 'address' WHEN 'domain-name' THEN 'domain' ELSE kind END,
    value, field, account_id, event_id, time_us FROM observables
UNION ALL SELECT 'rule', rule_id, 'detection', account_id, event_id, time_us FROM detections WHERE kind = 'rule'
UNION ALL SELECT 'technique', unnest(techniques), 'detection', account_id, event_id, time_us FROM detections
UNION ALL SELECT 'indicator', indicator_id, 'detection', account_id, event_id, time_us FROM detections WHERE indicator_id IS NOT NULL
