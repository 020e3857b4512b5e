"""`vestnik worker`: its checks at the start, Arq's queue, and the runs with --watch and --once."""
