"""Accounting: whether events x recipients x channels add up to what became of them, and one event's trace."""
