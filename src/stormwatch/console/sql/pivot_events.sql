-- The latest requests that show an identifier.
SELECT DISTINCT time_us, event_id, account_id, kind, field
FROM sightings WHERE ($kind = '' OR kind = $kind) AND value = $value AND event_id <> ''
ORDER BY time_us DESC, event_id, kind, field LIMIT $rows
