"""The live stream of one inbox, as server-sent events."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/notifications", tags=["notifications"])
