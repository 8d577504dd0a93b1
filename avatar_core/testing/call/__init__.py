"""A call of an application's own agent with an avatar, for tests."""
