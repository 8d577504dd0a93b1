"""`avatar demo`: a server, a dispatched agent job, an avatar, and a listener that checks."""
