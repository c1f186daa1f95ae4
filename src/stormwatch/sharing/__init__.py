"""Stage 9: what leaves for peers: marked STIX bundles under pseudonyms, and answers to leads."""
