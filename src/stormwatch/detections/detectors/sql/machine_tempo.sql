-- Runs of requests, each within $quick_us of the one before, that reached $fewest; the first such run of each account.
WITH ordered AS (
    SELECT
        account_id, event_id, time_us,
        CASE WHEN time_us - LAG(time_us) OVER (PARTITION BY account_id ORDER BY time_us, event_id) < $quick_us
            THEN 0 ELSE 1 END AS breaks
    FROM events
),
numbered AS (
    SELECT
        account_id, event_id, time_us,
        SUM(breaks) OVER (
            PARTITION BY account_id ORDER BY time_us, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run
    FROM ordered
),
placed AS (
    SELECT
        account_id, event_id, time_us, run,
        ROW_NUMBER() OVER (PARTITION BY account_id, run ORDER BY time_us, event_id) AS place,
        COUNT(*) OVER (PARTITION BY account_id, run) AS length,
        COUNT(*) OVER (PARTITION BY account_id) AS events
    FROM numbered
),
reached AS (
    SELECT
        account_id, event_id, time_us, events,
        MAX(length) OVER (PARTITION BY account_id) AS longest,
        COUNT(*) OVER (PARTITION BY account_id) AS runs,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS rank
    FROM placed
    WHERE place = $fewest
)
SELECT account_id, event_id, time_us, longest, runs, events FROM reached WHERE rank = 1 ORDER BY account_id
