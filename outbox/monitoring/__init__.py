"""How much waits and for how long: counted or estimated, by one worker for all, for metrics and health."""
