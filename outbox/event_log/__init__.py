"""The append-only log of events: emitting them, their payloads and traces, and Vestnik's own events."""
