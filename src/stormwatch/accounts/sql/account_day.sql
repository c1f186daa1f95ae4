-- Counts of one account on one UTC day. Counts alone are kept: weights are made from them later, so they can be merged.
WITH ordered AS (
    SELECT
        account_id,
        event_id,
        time_us,
        session_id,
        refused,
        blocked,
        error_type,
        tool_calls,
        input_tokens,
        output_tokens,
        LAG(time_us) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_us,
        LAG(refused) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_refused,
        LAG(session_id) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_session
    FROM events
)
SELECT
    account_id,
    CAST(FLOOR(time_us / 86400000000.0) AS BIGINT) AS day,
    COUNT(*) AS events,
    COUNT(*) FILTER (WHERE refused) AS refused,
    COUNT(*) FILTER (WHERE blocked) AS blocked,
    COUNT(*) FILTER (WHERE error_type IS NOT NULL) AS errors,
    COUNT(*) FILTER (
        WHERE before_refused
        AND time_us - before_us <= 120000000
        AND (session_id = before_session OR session_id IS NULL OR before_session IS NULL)
    ) AS retries,
    CAST(COALESCE(SUM(tool_calls), 0) AS BIGINT) AS tool_calls,
    COUNT(*) FILTER (WHERE time_us - before_us < 2000000) AS quick_gaps,
    COUNT(before_us) AS gaps,
    CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
    CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
    MIN(time_us) AS first_us,
    MAX(time_us) AS last_us
FROM ordered
GROUP BY account_id, CAST(FLOOR(time_us / 86400000000.0) AS BIGINT)
