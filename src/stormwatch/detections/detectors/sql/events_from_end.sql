-- Every event with its place, counted from the last one of its account.
SELECT
    account_id, event_id,
    ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY time_us DESC, event_id DESC) AS place
FROM events
