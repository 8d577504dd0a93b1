"""The player with its segments and transports, and the trackers that find out what was heard."""
