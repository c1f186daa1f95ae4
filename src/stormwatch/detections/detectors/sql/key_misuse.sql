-- Per account and kind of client (the first letters of its name): when it came, from which networks, with what signs.
-- A network is the system number where any event of the address knows it, else the address itself.
WITH placed AS (
    SELECT
        events.account_id, events.event_id, events.time_us, events.source_ip, events.model, events.api_key_id,
        events.error_type,
        SUBSTR(events.user_agent, 1, 8) AS client,
        COALESCE(CAST(MAX(events.asn) OVER (PARTITION BY events.source_ip) AS VARCHAR), events.source_ip) AS network,
        CASE WHEN request_shapes.probe THEN 1 ELSE 0 END AS probe
    FROM events
    LEFT JOIN request_shapes
        ON request_shapes.event_id = events.event_id AND request_shapes.account_id = events.account_id
    WHERE events.user_agent IS NOT NULL AND events.source_ip IS NOT NULL AND events.ip_source <> 'asserted'
    AND events.api_key_id IS NOT NULL
),
clients AS (
    SELECT
        account_id, client, COUNT(*) AS events, MIN(time_us) AS first_us, MAX(time_us) AS last_us,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY MIN(time_us), client) AS place
    FROM placed
    GROUP BY account_id, client
),
own AS (
    SELECT account_id, client, first_us, last_us FROM clients WHERE place = 1 AND events >= $fewest_own
),
own_networks AS (
    SELECT DISTINCT placed.account_id, placed.network
    FROM placed
    INNER JOIN own ON own.account_id = placed.account_id AND own.client = placed.client
),
own_models AS (
    SELECT DISTINCT placed.account_id, placed.model
    FROM placed
    INNER JOIN own ON own.account_id = placed.account_id AND own.client = placed.client
),
own_keys AS (
    SELECT DISTINCT placed.account_id, placed.api_key_id
    FROM placed
    INNER JOIN own ON own.account_id = placed.account_id AND own.client = placed.client
),
others AS (
    SELECT
        placed.account_id, placed.client, placed.event_id, placed.time_us, placed.source_ip, placed.network,
        placed.probe, placed.error_type,
        CASE WHEN own_models.model IS NULL AND placed.model IS NOT NULL THEN 1 ELSE 0 END AS new_model,
        CASE WHEN own_networks.network IS NULL THEN 1 ELSE 0 END AS new_network
    FROM placed
    INNER JOIN own ON own.account_id = placed.account_id AND own.client <> placed.client
    INNER JOIN own_keys ON own_keys.account_id = placed.account_id AND own_keys.api_key_id = placed.api_key_id
    INNER JOIN clients
        ON clients.account_id = placed.account_id AND clients.client = placed.client
        AND clients.first_us >= own.first_us + $settled_us AND own.last_us > clients.first_us
    LEFT JOIN own_networks ON own_networks.account_id = placed.account_id AND own_networks.network = placed.network
    LEFT JOIN own_models ON own_models.account_id = placed.account_id AND own_models.model = placed.model
),
addresses AS (
    SELECT source_ip, COUNT(DISTINCT account_id) AS holders FROM others WHERE new_network = 1 GROUP BY source_ip
),
ranked AS (
    SELECT
        others.account_id, others.client, others.event_id, others.time_us, others.network, others.probe,
        others.error_type, others.new_model, others.new_network, addresses.holders,
        ROW_NUMBER() OVER (PARTITION BY others.account_id, others.client ORDER BY others.time_us, others.event_id) AS place
    FROM others
    LEFT JOIN addresses ON addresses.source_ip = others.source_ip
)
SELECT
    account_id, client,
    COUNT(*) AS events,
    COUNT(*) FILTER (WHERE new_network = 0) AS from_own_networks,
    COUNT(DISTINCT CASE WHEN new_network = 1 THEN network END) AS networks,
    COUNT(*) FILTER (WHERE probe = 1) AS probes,
    COUNT(*) FILTER (WHERE error_type IS NOT NULL) AS errors,
    COUNT(*) FILTER (WHERE new_model = 1) AS new_models,
    MAX(holders) AS holders,
    MIN(time_us) AS first_us,
    MAX(time_us) AS last_us,
    MIN(event_id) FILTER (WHERE place = 1) AS event_id
FROM ranked
GROUP BY account_id, client
ORDER BY account_id, client
