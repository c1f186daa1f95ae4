-- Requests of an account, the latest first; no text.
SELECT event_id, time_us, source_ip, model, prompt_chars, refused, blocked, conflicting
FROM events
WHERE account_id = $account AND (time_us < $before_us OR (time_us = $before_us AND event_id > $after_id))
ORDER BY time_us DESC, event_id LIMIT $rows
