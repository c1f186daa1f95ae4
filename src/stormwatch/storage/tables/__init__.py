"""Tables of the case database, one file per noun, portable between SQLite and PostgreSQL."""
