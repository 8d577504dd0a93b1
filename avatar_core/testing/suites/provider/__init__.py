"""The checks of providers, in one module for each group."""
