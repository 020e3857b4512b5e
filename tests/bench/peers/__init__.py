"""Other people's queues on the same engines in the same run: `make bench PEERS=1`."""
