"""Writing the ends of attempts, under the tokens of their claims, and the live messages that edits go to."""
