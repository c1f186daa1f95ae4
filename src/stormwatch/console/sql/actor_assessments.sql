-- The assessments that weigh an actor: it comes first there, or has more than the least of all likelihoods.
SELECT subject_id, account_ids, calibrated_on, confidence, probability, place, foremost
FROM (
    SELECT *, row_number() OVER ranked AS place, first_value(hypothesis) OVER ranked AS foremost
    FROM (
        SELECT subject_id, account_ids, calibrated_on, confidence, found.hypothesis AS hypothesis,
            found.probability AS probability
        FROM (
            SELECT subject_id, account_ids, calibrated_on, confidence, unnest(hypotheses) AS found FROM assessments
        ) AS single
    ) AS named
    WINDOW ranked AS (PARTITION BY subject_id ORDER BY probability DESC, hypothesis)
) AS placed
WHERE hypothesis = $actor AND (place = 1 OR probability > $least)
    AND (probability < $below OR (probability = $below AND subject_id > $after_id))
ORDER BY probability DESC, subject_id LIMIT $rows
