"""Sessions: a Mini App of the bot signs its user in."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/telegram", tags=["telegram"])
