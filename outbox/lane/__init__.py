"""Lanes, one for each recipient and channel: which are due, their claims and leases, runs, digests, skips."""
