"""The camera: a picture is what the page looks like now, also where the browser's answer lacks it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import pytest

from oriel_fx.render.engines.browser.camera import Camera

FIRST, SECOND = base64.b64encode(b"first").decode(), base64.b64encode(b"second").decode()


class Wire:
    """Stands in for Chromium, which leaves a picture out only now and then, on a busy machine."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers, self.times_ms = answers, list[float]()

    async def send(self, _: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.times_ms.append(asked["frameTimeTicks"])
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "pictures"),
    [
        ([{"hasDamage": True}, {"hasDamage": False, "screenshotData": FIRST}], [b"first"]),
        ([{"hasDamage": False}, {"hasDamage": False, "screenshotData": FIRST}], [b"first"]),
        (
            [
                {"hasDamage": True, "screenshotData": FIRST},
                {"hasDamage": True},
                {"hasDamage": True, "screenshotData": SECOND},
            ],
            [b"first", b"second"],
        ),
        ([{"hasDamage": True, "screenshotData": FIRST}, {"hasDamage": False}], [b"first", b"first"]),
    ],
    ids=["the first", "the first, nothing changed", "a later one", "nothing changed"],
)
def test_a_picture_the_browser_left_out_is_taken_again(answers: list[dict[str, Any]], pictures: list[bytes]) -> None:
    async def film() -> list[bytes]:
        camera = Camera(cast(Any, wire), stepped=True, lossy=False)
        return [await camera.take(100.0 * number) for number in range(len(pictures))]

    wire = Wire(answers)
    assert asyncio.run(film()) == pictures
    assert not wire.answers
    assert wire.times_ms == sorted(set(wire.times_ms))
