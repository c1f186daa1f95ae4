-- What some accounts show, without what says nothing of who they are.
SELECT DISTINCT kind, value
FROM sightings
WHERE list_contains($accounts, account_id)
    AND kind NOT IN ('session', 'rule', 'technique', 'asn', 'programme', 'user-agent')
ORDER BY kind, value
