"""The simulator's page: its chats as a phone shows them, its limits and its faults, and links like t.me's.

It reads the world and orders nothing by itself: what a person does on it goes through the control API.
"""

from telegram.simulator.page.route import add_page

__all__ = ["add_page"]
