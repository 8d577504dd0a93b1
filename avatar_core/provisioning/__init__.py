"""Paid sessions: provision, lease, release, ledger, reaper and tokens."""
