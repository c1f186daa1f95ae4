-- How accounts stand: the risk of the assessment that covers them, the highest first.
SELECT account_id, max(risk) AS risk, min(calibrated_on) AS calibrated_on, max(together) AS together,
    min(flagged_us) AS flagged_us
FROM (
    SELECT unnest(account_ids) AS account_id, risk, calibrated_on, len(account_ids) AS together, flagged_us
    FROM assessments
) AS single
WHERE ($everybody OR list_contains($accounts, account_id))
GROUP BY account_id
HAVING max(risk) < $below OR (max(risk) = $below AND account_id > $after_id)
ORDER BY max(risk) DESC, account_id LIMIT $rows
