"""The exports: tables that scripts and outside evaluations read, as rows of fixed shape and as files."""
