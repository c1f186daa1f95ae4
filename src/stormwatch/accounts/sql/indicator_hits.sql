-- Matches of indicators, in the order in which they happened.
SELECT account_id, indicator_id, kind, observable_kind, observable_value, time_us, event_id
FROM detections
WHERE indicator_id IS NOT NULL
ORDER BY account_id, indicator_id, kind, observable_value, time_us, event_id
