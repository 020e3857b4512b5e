"""A free port: looked for among some, and not for ever."""

import socket

import pytest

from workers import engine


def test_where_all_are_taken_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two ports the free one is found; where none is free it is an error."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", engine.free_port()))
        taken = one.getsockname()[1]
        monkeypatch.setattr(engine, "LOWEST_PORT", taken)
        monkeypatch.setattr(engine, "HIGHEST_PORT", taken + 1)
        free = engine.free_port()
        assert free == taken + 1
        other.bind(("127.0.0.1", free))
        with pytest.raises(RuntimeError, match=f"from {taken} to {free}"):
            engine.free_port()
