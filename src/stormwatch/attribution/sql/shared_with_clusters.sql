-- What accounts outside all clusters have in common with the members of some (table `established`: cluster_id,
-- account_id): each value, how many accounts have it, how many of those are members and one of them. Accounts that declare an
-- organisation are openly together with it, and victims of an intruder are nobody's.
SELECT
    established.cluster_id,
    theirs.account_id,
    theirs.kind,
    theirs.value,
    shared_values.accounts,
    COUNT(*) AS members,
    MIN(established.account_id) AS nearest
FROM established
INNER JOIN identifiers AS ours ON ours.account_id = established.account_id
INNER JOIN shared_values ON shared_values.kind = ours.kind AND shared_values.value = ours.value
INNER JOIN identifiers AS theirs ON theirs.kind = ours.kind AND theirs.value = ours.value
LEFT JOIN clustered ON clustered.account_id = theirs.account_id
LEFT JOIN organisations ON organisations.account_id = theirs.account_id
LEFT JOIN victims ON victims.account_id = theirs.account_id
WHERE clustered.account_id IS NULL AND organisations.org_id IS NULL AND victims.account_id IS NULL
GROUP BY established.cluster_id, theirs.account_id, theirs.kind, theirs.value, shared_values.accounts
ORDER BY established.cluster_id, theirs.account_id, theirs.kind, theirs.value
