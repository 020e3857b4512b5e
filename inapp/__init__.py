"""The inbox: what a person sees in the application, rendered in their language when it is read."""

from inapp.notification import Changes, Notification, Page, changes, page
from inapp.notification_text import NotificationText, render

__all__ = ["Changes", "Notification", "NotificationText", "Page", "changes", "page", "render"]
