-- Fingerprints of code by its text, names and numbers included: its bare shape is too often that of a published program.
SELECT kind, account_id, hashes
FROM fingerprints
WHERE kind = 'code-text'
