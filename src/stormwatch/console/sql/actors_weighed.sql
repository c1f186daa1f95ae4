-- In how many assessments each hypothesis comes first, and in how many it has more than the least of all likelihoods.
SELECT hypothesis, count(*) FILTER (WHERE place = 1) AS leads,
    count(*) FILTER (WHERE place = 1 OR probability > $least) AS weighed
FROM (
    SELECT hypothesis, probability,
        row_number() OVER (PARTITION BY subject_id ORDER BY probability DESC, hypothesis) AS place
    FROM (
        SELECT subject_id, found.hypothesis AS hypothesis, found.probability AS probability
        FROM (SELECT subject_id, unnest(hypotheses) AS found FROM assessments) AS single
    ) AS named
) AS placed
GROUP BY hypothesis
