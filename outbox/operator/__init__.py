"""What an operator finds and orders: dead letters, unknown outcomes, and what was done about them."""
