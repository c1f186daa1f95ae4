-- Requests that follow a refusal: at once in the same session, or soon after in another one or with another model.
WITH ordered AS (
    SELECT
        account_id, event_id, time_us, refused, session_id, model,
        LAG(time_us) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_us,
        LAG(refused) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_refused,
        LAG(session_id) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_session,
        LAG(model) OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS before_model
    FROM events
),
retried AS (
    SELECT
        account_id, event_id, time_us,
        CASE WHEN refused THEN 1 ELSE 0 END AS again,
        CASE WHEN session_id <> before_session THEN 1 ELSE 0 END AS elsewhere,
        CASE WHEN model <> before_model THEN 1 ELSE 0 END AS other_model,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS place
    FROM ordered
    WHERE before_refused
    AND (
        (time_us - before_us <= $again_us
            AND (session_id = before_session OR session_id IS NULL OR before_session IS NULL))
        OR (time_us - before_us <= $elsewhere_us AND (refused AND session_id <> before_session OR model <> before_model))
    )
),
counted AS (
    SELECT
        account_id,
        COUNT(*) AS retries,
        CAST(SUM(again) AS BIGINT) AS again,
        CAST(SUM(elsewhere) AS BIGINT) AS elsewhere,
        CAST(SUM(other_model) AS BIGINT) AS other_model
    FROM retried
    GROUP BY account_id
    HAVING COUNT(*) >= $fewest_retries
)
SELECT
    counted.account_id, retried.event_id, retried.time_us,
    counted.retries, counted.again, counted.elsewhere, counted.other_model
FROM counted
INNER JOIN retried ON retried.account_id = counted.account_id AND retried.place = $fewest_retries
ORDER BY counted.account_id
