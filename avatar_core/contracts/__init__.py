"""Types and interfaces that providers, transports and workers share; standard library only."""
