"""How much may be sent now: the budget, attempts in flight, and back-pressure after Telegram's answers."""
