"""The inbox: what a person sees in the application, rendered in their language when it is read."""

from inapp.notification import Notification, page
from inapp.text import NotificationText, render

__all__ = ["Notification", "NotificationText", "page", "render"]
