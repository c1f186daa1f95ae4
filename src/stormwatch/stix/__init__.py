"""Between our values and STIX 2.1 objects, both ways, and nothing else."""
