"""Paid sessions: provisioning, leases, release, the ledger, the reaper and room tokens."""
