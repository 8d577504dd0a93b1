"""The player, its segments and transports, and how they know what was heard."""
