"""Notifications: an end user's inbox, page by page, and what they have read."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/notifications", tags=["notifications"])
