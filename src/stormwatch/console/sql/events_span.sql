-- From when to when requests are stored.
SELECT min(time_us) AS first_us, max(time_us) AS last_us FROM events
