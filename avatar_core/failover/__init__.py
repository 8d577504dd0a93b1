"""Which avatar is live, what comes next, and whether a transport still works."""
