"""One attempt, step by step: quiet hours, digest, sending, deciding, recording; and attempts that were lost."""
