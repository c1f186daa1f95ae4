"""Stage 1: usage events and account records in, redacted, deduplicated and stored durably, then moved to the lake."""
