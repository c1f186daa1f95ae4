"""All rules together: loaded, checked, tested, compiled into one scanner, taken over from drafts."""
