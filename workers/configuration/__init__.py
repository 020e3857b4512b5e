"""Settings: the environment, files and credentials, and how durations and addresses are written there."""
