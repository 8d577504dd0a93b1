"""The demo of avatar-core: talk to an agent on a web page, or check it with a test user."""
