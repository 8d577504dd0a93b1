"""The demo of avatar-core: an agent on a web page, and a test user that checks the agent."""
