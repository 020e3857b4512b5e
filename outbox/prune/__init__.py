"""Taking away what ended long ago: events with all that was made of them, the relay's ledger, ended links."""
