-- Every identifier of every account, once: kind, value, when it was first and last seen, in how many events.
-- Addresses are taken over the whole window, not by day, so that shifting an account's hours changes no link (ADR 0007).
SELECT kind, value, account_id, MIN(first_us) AS first_us, MAX(last_us) AS last_us, CAST(SUM(uses) AS BIGINT) AS uses
FROM (
    SELECT 'address' AS kind, source_ip AS value, account_id,
        MIN(time_us) AS first_us, MAX(time_us) AS last_us, COUNT(*) AS uses
    FROM events WHERE source_ip IS NOT NULL AND ip_source <> 'asserted' GROUP BY source_ip, account_id
    UNION ALL
    SELECT 'device', device_id, account_id, MIN(time_us), MAX(time_us), COUNT(*)
    FROM events WHERE device_id IS NOT NULL GROUP BY device_id, account_id
    UNION ALL
    SELECT 'client', tls_fingerprint || ' ' || user_agent, account_id, MIN(time_us), MAX(time_us), COUNT(*)
    FROM events WHERE tls_fingerprint IS NOT NULL AND user_agent IS NOT NULL
    GROUP BY tls_fingerprint, user_agent, account_id
    UNION ALL
    SELECT 'api-key', api_key_id, account_id, MIN(time_us), MAX(time_us), COUNT(*)
    FROM events WHERE api_key_id IS NOT NULL GROUP BY api_key_id, account_id
    UNION ALL
    SELECT
        -- An address or a file is someone's own more often than a page or a mail address, which are there to be read.
        CASE WHEN kind IN ('ipv4-addr', 'ipv6-addr') OR kind LIKE 'file-%' THEN 'host-or-file' ELSE 'artefact' END,
        kind || ' ' || value, account_id, MIN(time_us), MAX(time_us), COUNT(*)
    FROM observables WHERE field = 'prompt'
    -- Public names that many read about link nobody: weaknesses, published packages, places in the registry.
    AND kind <> 'vulnerability' AND kind <> 'windows-registry-key' AND NOT (kind = 'package' AND value LIKE '%:%')
    GROUP BY kind, value, account_id
    UNION ALL
    SELECT 'address', signup_ip, account_id, created_us, created_us, 1
    FROM account_records WHERE signup_ip IS NOT NULL
    UNION ALL
    SELECT 'device', device_id, account_id, created_us, created_us, 1
    FROM account_records WHERE device_id IS NOT NULL
    UNION ALL
    SELECT 'payment', payment_fingerprint, account_id, created_us, created_us, 1
    FROM account_records WHERE payment_fingerprint IS NOT NULL
    UNION ALL
    SELECT 'phone', phone_hash, account_id, created_us, created_us, 1
    FROM account_records WHERE phone_hash IS NOT NULL
    UNION ALL
    SELECT 'mailbox', email_hash, account_id, created_us, created_us, 1
    FROM account_records WHERE email_hash IS NOT NULL
    UNION ALL
    SELECT 'mail-domain', email_domain, account_id, created_us, created_us, 1
    FROM account_records WHERE email_domain IS NOT NULL
) AS seen
-- Addresses that name a machine to itself or its link say nothing of where anybody is.
WHERE kind <> 'address' OR (
    value NOT LIKE '127.%' AND value NOT LIKE '169.254.%' AND value <> '0.0.0.0'
    AND value <> '::1' AND value NOT LIKE 'fe80:%'
)
GROUP BY kind, value, account_id
