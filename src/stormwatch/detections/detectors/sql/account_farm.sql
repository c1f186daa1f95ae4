-- Accounts made within $within_us of each other that share an address, a device or a payment.
WITH traits AS (
    SELECT account_id, created_us, org_id, email_domain, 'address' AS kind, signup_ip AS value
    FROM account_records WHERE signup_ip IS NOT NULL AND created_us IS NOT NULL
    UNION ALL
    SELECT account_id, created_us, org_id, email_domain, 'device', device_id
    FROM account_records WHERE device_id IS NOT NULL AND created_us IS NOT NULL
    UNION ALL
    SELECT account_id, created_us, org_id, email_domain, 'payment', payment_fingerprint
    FROM account_records WHERE payment_fingerprint IS NOT NULL AND created_us IS NOT NULL
),
sizes AS (
    SELECT kind, value, COUNT(*) AS accounts
    FROM traits
    GROUP BY kind, value
    HAVING COUNT(*) >= $fewest_accounts AND COUNT(*) <= $most_accounts
),
ordered AS (
    SELECT
        traits.kind, traits.value, traits.account_id, traits.created_us, traits.org_id, traits.email_domain,
        COUNT(*) OVER (
            PARTITION BY traits.kind, traits.value ORDER BY traits.created_us
            RANGE BETWEEN $within_us PRECEDING AND CURRENT ROW
        ) AS before,
        COUNT(*) OVER (
            PARTITION BY traits.kind, traits.value ORDER BY traits.created_us
            RANGE BETWEEN CURRENT ROW AND $within_us FOLLOWING
        ) AS after
    FROM traits
    INNER JOIN sizes ON sizes.kind = traits.kind AND sizes.value = traits.value
),
domains AS (
    SELECT email_domain, COUNT(*) AS accounts FROM account_records WHERE email_domain IS NOT NULL GROUP BY email_domain
)
SELECT
    ordered.kind, ordered.value, ordered.account_id, ordered.created_us, ordered.org_id, ordered.email_domain,
    COALESCE(domains.accounts, 0) AS domain_accounts
FROM ordered
LEFT JOIN domains ON domains.email_domain = ordered.email_domain
WHERE ordered.before + ordered.after > $fewest_accounts
ORDER BY ordered.kind, ordered.value, ordered.created_us, ordered.account_id
