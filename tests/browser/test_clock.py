"""The page's time is the film's: timers, callbacks, dates and random numbers."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.browser.conftest import Film
from tests.browser.pages import canvas_page

STEP = 1000 / 30


def test_each_frame_is_drawn_once_and_filmed_once(film: Film) -> None:
    # The page counts in red and green, at a pace of its own: every frame has another colour.
    page = film(canvas_page("run(n => `rgb(${n % 8 * 32}, ${(n >> 3) % 8 * 32}, 0)`)"))
    found = []
    for index in range(64):
        red, green, _ = page.draw(index)[20, 40].astype(int)
        found.append(round(red / 32) + 8 * round(green / 32))
    assert [(number - found[0]) % 64 for number in found] == list(range(64))


def test_animation_frames_come_at_the_films_rate(film: Film) -> None:
    page = film(
        canvas_page("run(n => '#fff', (n, t) => [t, performance.now(), Date.now(), document.timeline.currentTime])")
    )
    page.run(10)
    seen = page.value("seen")
    steps = [b[0] - a[0] for a, b in pairwise(seen)]
    assert steps == pytest.approx([STEP] * len(steps), abs=1e-6)
    for time_ms, now_ms, date_ms, timeline_ms in seen:
        assert time_ms == now_ms == timeline_ms
        assert date_ms == 1_767_268_800_000 + int(time_ms)


def test_timers_run_in_order_each_at_its_time(film: Film) -> None:
    script = """
    window.log = [];
    setTimeout(() => log.push(["b", performance.now()]), 50);
    setTimeout((word) => log.push([word, performance.now()]), 20, "a");
    const every = setInterval(() => { log.push(["i", performance.now()]); if (log.length > 5) clearInterval(every); }, 40);
    clearTimeout(setTimeout(() => log.push("never"), 10));
    run(n => "#fff");"""
    page = film(canvas_page(script))
    page.run(12)
    assert page.value("log") == [["a", 20], ["i", 40], ["b", 50], ["i", 80], ["i", 120], ["i", 160]]


def test_dates_begin_at_the_same_moment_and_stay_dates(film: Film) -> None:
    page = film(canvas_page("window.d = new Date(); window.e = new Date(0); run(n => '#fff')"))
    page.run(1)
    assert page.value("[d.toISOString(), e.getTime(), d instanceof Date, typeof Date(), Date.UTC(2000, 0)]") == [
        "2026-01-01T12:00:00.000Z",
        0,
        True,
        "string",
        946684800000,
    ]


def test_newer_ways_to_ask_the_time_agree(film: Film) -> None:
    script = """const marks = () => { performance.mark("m"); performance.measure("l", "m"); performance.measure("k");
    return [performance.getEntriesByName("m").pop().startTime, performance.getEntriesByName("l").pop().duration, performance.getEntriesByName("k").pop().duration]; };
    const format = new Intl.DateTimeFormat("en", { timeZone: "UTC", dateStyle: "short", timeStyle: "medium" });
    run(n => "#fff", (n, t) => [t, ...marks(), format.format() === format.format(new Date()),
      window.Temporal ? Temporal.Now.instant().epochMilliseconds === Date.now() && Temporal.Now.plainDateISO().year === 2026 : true]);"""
    page = film(canvas_page(script))
    page.run(5)
    for time_ms, mark_ms, measured_ms, since_start_ms, formats, temporal in page.value("seen"):
        assert (mark_ms, measured_ms, since_start_ms) == (time_ms, 0, time_ms)
        assert formats and temporal


def test_random_numbers_are_the_same_on_every_run(film: Film) -> None:
    script = "run(n => '#fff', n => Math.random())"
    first, second = film(canvas_page(script)), film(canvas_page(script))
    first.run(5), second.run(5)
    numbers = first.value("seen")[:5]
    assert numbers == second.value("seen")[:5]
    assert len(set(numbers)) == 5 and all(0 <= number < 1 for number in numbers)


def test_going_back_plays_the_page_anew_and_ahead_plays_it_on(film: Film) -> None:
    page = film(canvas_page("run(n => `rgb(${n * 2}, 0, 0)`)"))
    there = page.draw(40)
    page.draw(100)
    assert (page.draw(40) == there).all()
    assert abs(int(there[0, 0, 0]) - 80) <= 4
