"""Consumers: named readers of the event log, in any language."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/outbox", tags=["outbox"])
