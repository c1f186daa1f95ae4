"""The public account: traceable figures, small counts suppressed, as HTML and JSON, checked by the ledger."""
