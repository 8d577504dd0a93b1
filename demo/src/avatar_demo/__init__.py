"""The demo of avatar-core: an agent to talk to, on a page or with a listener that checks it."""
