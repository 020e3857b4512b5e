"""What a worker looks after beside sending: gauges, unread counters, live messages that no event edits."""
