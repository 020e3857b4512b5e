"""Reading the event log: the snapshot cursor, named consumers, and cursors after a restore or a move."""
