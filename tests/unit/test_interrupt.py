"""Ctrl-C while a process is begun: it comes, but only when the process is known."""

import signal
import threading

import pytest

from workers.embedded.interrupt import uninterrupted


def test_a_ctrl_c_waits_for_the_end_of_the_block() -> None:
    """What the block has begun is done when the interrupt comes."""
    done = []

    def begin() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("begun")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert done == ["begun"]


def test_afterwards_a_ctrl_c_comes_at_once() -> None:
    """Nothing is held back outside of the block."""
    with uninterrupted():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_is_left_alone() -> None:
    """Only the main thread is interrupted, so only there something is held back."""
    failed: list[ValueError] = []

    def begin() -> None:
        try:
            with uninterrupted():
                pass
        except ValueError as fault:  # what a signal handler in the wrong thread is answered with
            failed.append(fault)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    assert failed == []
