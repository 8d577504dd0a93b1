"""Types and interfaces that providers, transports and workers share.

The modules of this package import only the standard library.
"""
