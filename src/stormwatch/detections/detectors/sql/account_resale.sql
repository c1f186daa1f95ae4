-- Accounts used from many networks by many different clients, and how many networks were in use at the same time.
WITH placed AS (
    SELECT
        account_id, event_id, time_us, end_user_id, org_id, model,
        tls_fingerprint || ' ' || SUBSTR(user_agent, 1, 40) AS client,
        COALESCE(CAST(MAX(asn) OVER (PARTITION BY source_ip) AS VARCHAR), source_ip) AS network
    FROM events
    WHERE source_ip IS NOT NULL AND ip_source <> 'asserted'
),
many AS (
    SELECT
        account_id,
        COUNT(DISTINCT network) AS networks,
        COUNT(DISTINCT client) AS clients,
        COUNT(DISTINCT end_user_id) AS end_users,
        COUNT(DISTINCT org_id) AS organisations,
        COUNT(DISTINCT model) AS models,
        COUNT(*) AS events
    FROM placed
    GROUP BY account_id
    HAVING COUNT(DISTINCT network) >= $fewest_networks AND COUNT(DISTINCT client) >= $fewest_clients
        AND COUNT(DISTINCT end_user_id) <= $most_declared_end_users
),
near AS (
    SELECT
        placed.account_id, placed.event_id, placed.time_us, placed.network, placed.client,
        LAG(placed.network) OVER (PARTITION BY placed.account_id ORDER BY placed.time_us, placed.event_id) AS network_before,
        LAG(placed.client) OVER (PARTITION BY placed.account_id ORDER BY placed.time_us, placed.event_id) AS client_before,
        LAG(placed.time_us) OVER (PARTITION BY placed.account_id ORDER BY placed.time_us, placed.event_id) AS before_us
    FROM placed
    INNER JOIN many ON many.account_id = placed.account_id
),
together AS (
    SELECT
        account_id, event_id, time_us,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY time_us, event_id) AS place,
        COUNT(*) OVER (PARTITION BY account_id) AS times
    FROM near
    WHERE time_us - before_us <= $together_us AND network <> network_before AND client <> client_before
)
SELECT
    many.account_id, together.event_id, together.time_us,
    many.networks, many.clients, many.models, many.events, many.organisations, together.times
FROM many
INNER JOIN together ON together.account_id = many.account_id AND together.place = $fewest_together
ORDER BY many.account_id
