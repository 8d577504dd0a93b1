"""The failover from one provider of a chain to the next, and the health check of an avatar."""
