"""Events: the application emits them over HTTP."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/outbox", tags=["outbox"])
