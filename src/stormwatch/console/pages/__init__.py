"""One file per page: reads the request, asks the rooms, hands values to a template."""
