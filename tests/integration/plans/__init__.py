"""What the statements are run with, on which tables, and how many rows they then look at."""
