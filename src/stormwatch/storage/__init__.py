"""Ports and engines: the keyring, the lake of Parquet files, the case database and the query engine."""
