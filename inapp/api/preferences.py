"""Preferences: what an end user wants to get, how, and when."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/preferences", tags=["preferences"])
