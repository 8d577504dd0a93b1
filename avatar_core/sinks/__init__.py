"""Roads that core itself knows: the byte stream to a worker, and the agent's own voice."""
