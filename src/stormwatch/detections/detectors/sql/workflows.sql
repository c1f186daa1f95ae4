-- One row per workflow (requests of an account without a pause over $workflow_gap_us): steps, tool calls, and pauses long
-- enough for a person to have decided. The start's second of the day is only compared with other starts of the account.
WITH ordered AS (
    SELECT
        account_id, event_id, time_us, session_id, tool_calls, tools_offered,
        time_us - LAG(time_us) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS gap_us
    FROM events
),
numbered AS (
    SELECT
        account_id, event_id, time_us, session_id, tool_calls, tools_offered, gap_us,
        SUM(CASE WHEN gap_us <= $workflow_gap_us THEN 0 ELSE 1 END) OVER (
            PARTITION BY account_id ORDER BY time_us, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS workflow,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY time_us DESC, event_id DESC) AS from_end
    FROM ordered
)
SELECT
    account_id,
    workflow,
    COUNT(*) AS steps,
    COUNT(*) FILTER (WHERE tool_calls > 0) AS tool_steps,
    COUNT(*) FILTER (WHERE tools_offered IS NOT NULL) AS offered_steps,
    COUNT(*) FILTER (WHERE gap_us IS NULL OR gap_us > $human_us) AS decisions,
    COUNT(DISTINCT session_id) AS sessions,
    MIN(time_us) AS first_us,
    MAX(time_us) AS last_us,
    MIN(from_end) AS last_place
FROM numbered
GROUP BY account_id, workflow
HAVING COUNT(*) >= $fewest_steps
ORDER BY account_id, workflow
