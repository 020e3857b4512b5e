"""What the bot says, a file for each language."""
