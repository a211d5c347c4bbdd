"""The page's time is the film's: timers, callbacks, dates and random numbers."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import re
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


def test_a_frame_is_taken_when_all_that_the_page_awaits_is_drawn(film: Film) -> None:
    script = """const x = c.getContext("2d"); let k = 0; const next = () => new Promise(requestAnimationFrame);
    (async () => { for (;;) { await next(); k++; for (let i = 0; i < 48; i++) { await null; x.fillStyle = `rgb(${k % 8 * 32}, 0, 0)`; x.fillRect(i * 2, 0, 2, 54); } } })();"""
    page = film(canvas_page(script))
    for index in range(12):
        row = page.draw(index)[27, 2:94, 0].astype(int)
        assert row.max() - row.min() <= 3


def test_promises_of_one_callback_come_before_the_next_callback(film: Film) -> None:
    script = """window.log = []; requestAnimationFrame(() => { log.push("a"); Promise.resolve().then(() => log.push("b")); });
    requestAnimationFrame(() => log.push("c")); run(n => "#fff");"""
    page = film(canvas_page(script))
    page.run(3)
    assert page.value("log") == ["a", "b", "c"]


def test_timers_that_repeat_at_once_come_every_four_milliseconds(film: Film) -> None:
    script = """window.counts = [0, 0, 0]; (async () => { for (;;) { await new Promise(done => setTimeout(done, 0)); counts[0]++; } })();
    setInterval(() => counts[1]++, 0); const again = () => { counts[2]++; setTimeout(again, 0); }; again(); run(n => "#fff");"""
    page = film(canvas_page(script))
    page.run(30)
    counts, now_ms = page.value("[counts, performance.now()]")
    assert counts == pytest.approx([now_ms / 4] * 3, rel=0.06)


def test_no_two_frames_have_the_same_time_though_the_page_starts_by_itself(film: Film) -> None:
    script = "setTimeout(() => a.play(), 100); run(n => '#fff', (n, t) => [t, a.currentTime]);"
    page = film(canvas_page(script, "<audio id=a src=song.wav></audio>"))
    page.run(20)
    seen = page.value("seen")
    assert [b[0] - a[0] for a, b in pairwise(seen)] == pytest.approx([STEP] * (len(seen) - 1), abs=1e-6)
    first = max(index for index, (_, time_s) in enumerate(seen) if time_s == 0)
    for index, (_, time_s) in enumerate(seen[first:]):
        assert time_s == pytest.approx(index / 30)


def test_waiting_in_a_loop_ends(film: Film) -> None:
    script = (
        "run(n => { const t = performance.now(); while (performance.now() - t < 5); return '#fff'; }, (n, t) => t);"
    )
    page = film(canvas_page(script), timeout_s=10.0)
    page.run(5)
    assert [b - a for a, b in pairwise(page.value("seen")[:5])] == pytest.approx([STEP] * 4, abs=1e-6)


def test_random_bytes_are_the_same_on_every_run(film: Film) -> None:
    script = "window.bytes = [...crypto.getRandomValues(new Uint8Array(8)), crypto.randomUUID()]; run(n => '#fff')"
    first, second = film(canvas_page(script)), film(canvas_page(script))
    assert first.value("bytes") == second.value("bytes") and len(set(first.value("bytes"))) > 5
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first.value("bytes[8]"))


def test_classes_of_the_pages_own_may_have_any_name(film: Film) -> None:
    names = ("Event", "Set", "WeakMap", "AudioBuffer", "Stretch", "Blob", "Error")
    own = " ".join(f"class {name} {{ constructor(a, b) {{}} }}" for name in names)
    page = film(
        canvas_page(f"{own} a.play(); run(n => '#0f0', () => a.currentTime);", "<audio id=a src=song.wav></audio>")
    )
    assert page.run(12)[27, 48, 1] > 200
    assert page.value("seen").pop() > 0.3
