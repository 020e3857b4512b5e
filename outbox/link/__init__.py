"""Which chat belongs to whom: linking, its audit, chats that refuse, and Telegram's updates that were handled."""
