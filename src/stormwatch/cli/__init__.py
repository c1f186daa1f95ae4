"""The commands: one file a verb, each a thin face over public functions of the rooms."""
