"""One file per change of the schema, numbered; each upgrades from the number before it."""
