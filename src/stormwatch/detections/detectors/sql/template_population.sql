-- Templates (one way to begin a prompt) that many accounts fill in again and again while doing little else.
WITH by_account AS (
    SELECT account_id, COUNT(*) AS events FROM events GROUP BY account_id
),
filled AS (
    SELECT account_id, opening, COUNT(*) AS uses
    FROM request_shapes
    WHERE opening IS NOT NULL
    GROUP BY account_id, opening
),
different AS (
    SELECT account_id, opening, COUNT(*) AS different
    FROM (SELECT DISTINCT account_id, opening, closing, chars FROM request_shapes WHERE opening IS NOT NULL) AS forms
    GROUP BY account_id, opening
),
steady AS (
    SELECT filled.account_id, filled.opening, filled.uses
    FROM filled
    INNER JOIN different ON different.account_id = filled.account_id AND different.opening = filled.opening
    WHERE different.different >= $least_different * filled.uses AND filled.uses >= 2
),
shared AS (
    SELECT opening, COUNT(*) AS accounts FROM steady GROUP BY opening HAVING COUNT(*) >= $fewest_accounts
),
focused AS (
    SELECT
        steady.account_id,
        CAST(SUM(steady.uses) AS BIGINT) AS uses,
        COUNT(*) AS templates,
        MAX(by_account.events) AS events
    FROM steady
    INNER JOIN shared ON shared.opening = steady.opening
    INNER JOIN by_account ON by_account.account_id = steady.account_id
    GROUP BY steady.account_id
    HAVING SUM(steady.uses) >= $fewest_by_account AND SUM(steady.uses) >= $least_focus * MAX(by_account.events)
),
domains AS (
    SELECT email_domain, COUNT(*) AS accounts FROM account_records WHERE email_domain IS NOT NULL GROUP BY email_domain
),
completed AS (
    SELECT
        request_shapes.account_id, request_shapes.event_id, request_shapes.time_us, request_shapes.opening,
        ROW_NUMBER() OVER (
            PARTITION BY request_shapes.account_id ORDER BY request_shapes.time_us, request_shapes.event_id
        ) AS place
    FROM request_shapes
    INNER JOIN shared ON shared.opening = request_shapes.opening
    INNER JOIN focused ON focused.account_id = request_shapes.account_id
)
SELECT
    focused.account_id, focused.uses, focused.templates, focused.events,
    completed.opening, completed.event_id, completed.time_us, completed.place,
    account_records.org_id, account_records.email_domain, COALESCE(domains.accounts, 0) AS domain_accounts
FROM focused
INNER JOIN completed ON completed.account_id = focused.account_id AND completed.place <= $fewest_by_account
LEFT JOIN account_records ON account_records.account_id = focused.account_id
LEFT JOIN domains ON domains.email_domain = account_records.email_domain
ORDER BY focused.account_id, completed.place
