"""One file per source format: bytes of one record in, an event or account as sent out."""
