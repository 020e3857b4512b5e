"""The end user's Telegram chat: linking it, looking at it, unlinking it."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/telegram", tags=["telegram"])
