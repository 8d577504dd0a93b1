"""Measures what a listener hears and sees of avatar-core and of the stock LiveKit avatar stack."""
