"""`vestnik bot` and `vestnik api`: the processes that serve until they are told to end."""
