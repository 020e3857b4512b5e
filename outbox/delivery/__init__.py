"""What decides about a delivery: states, outcomes, reasons, quiet hours. Pure: no I/O, clock, chance or log."""
