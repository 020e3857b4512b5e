"""What is known of people: profile, preferences, their last message, and who was forgotten."""
