"""The player, its segments and transports, and the trackers that learn what was heard."""
