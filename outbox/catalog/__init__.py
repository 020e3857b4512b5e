"""The application's catalog: its event types and their texts, read once, checked, rendered with a payload."""
