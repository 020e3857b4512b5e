"""Five clients of other people, unchanged, against the simulator."""
