"""A customer's whole way through the service, over HTTP: sign up, upload, pay in the sandbox, download, find the mail.

    oriel serve                                     # in one terminal
    python examples/journey.py song.mp3 video.mp4   # in another

It needs `pip install requests`. Paying works against the sandbox only, which `oriel serve` starts by itself; the mail
is looked for in the outbox folder of a server on this machine.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import requests

CONFIG = {"preset": "halo", "output": {"size": "640x360", "fps": 30, "quality": "draft", "duration": 5}}
PATIENCE_S = 300


def main() -> int:
    parser = argparse.ArgumentParser(description="Buy a video from a running `oriel serve`.")
    parser.add_argument("song", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the service is")
    parser.add_argument("--outbox", type=Path, help="the server's outbox folder, where its mails are files")
    options = parser.parse_args()
    email, password = f"listener-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(16)

    api = Api(options.url)
    api.call("POST", "/api/auth/register", json={"email": email, "password": password})
    tokens = api.call("POST", "/api/auth/login", json={"email": email, "password": password})
    api.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    print(f"registered and logged in as {email}")

    job = submit(api, options.song)
    checkout = api.call("POST", "/api/payments/create-session", json={"job_id": job})
    press_pay(checkout["url"])
    for event in watch(api, job):
        print(f"{event['status']}: {event.get('stage') or '-'} {event['progress']:.0%}")
    if event["status"] != "completed":
        print(f"the job ended as {event['status']}: {event.get('error')}", file=sys.stderr)
        return 1
    paid = api.call("GET", f"/api/payments/status/{checkout['session_id']}")
    print(f"payment: {paid['status']}")

    download(api, job, options.output)
    check_mp4(options.output)
    if options.outbox:
        print(f"mail: {find_mail(options.outbox, email)}")
    return 0


class Api:
    """A session with the service; an answer that was not expected ends the journey with what the service said."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()

    def call(self, method: str, path: str, expect: tuple[int, ...] = (200, 201, 202, 204), **content: Any) -> Any:
        reply = self.session.request(method, self.url + path, timeout=60, **content)
        if reply.status_code not in expect:
            sys.exit(f"{method} {path} answered {reply.status_code}: {reply.text}")
        return reply.json() if reply.content else None


def submit(api: Api, song: Path) -> str:
    """Upload the song; the service keeps it, names the price, and waits to be paid."""
    with song.open("rb") as file:
        parts = {"audio": (song.name, file), "config": (None, json.dumps(CONFIG), "application/json")}
        answer = api.call("POST", "/api/render/submit", expect=(402,), files=parts)
    details = answer["error"]["details"]
    print(f"uploaded {song.name}: 402, {details['price_cents'] / 100:.2f} {details['currency']}")
    return str(details["job_id"])


def press_pay(page: str) -> None:
    """What the customer does on the sandbox's checkout page."""
    shown = requests.get(page, timeout=30)
    shown.raise_for_status()
    requests.post(f"{page}/pay", timeout=30, allow_redirects=False).raise_for_status()
    print("paid on the checkout page")


def watch(api: Api, job: str) -> Iterator[dict[str, Any]]:
    """The job's event stream (server-sent events), until it ends with the job."""
    started, event = time.monotonic(), {"status": "?"}
    while event["status"] not in ("completed", "failed", "canceled", "expired"):
        if time.monotonic() - started > PATIENCE_S:
            sys.exit(f"nothing came of it within {PATIENCE_S} s; the job is {event['status']}")
        with api.session.get(f"{api.url}/api/render/events/{job}", stream=True, timeout=60) as stream:
            stream.raise_for_status()
            for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    yield event


def download(api: Api, job: str, output: Path) -> None:
    """The video, from the signed address that the service redirects to."""
    with api.session.get(f"{api.url}/api/render/download/{job}", stream=True, timeout=60) as reply:
        reply.raise_for_status()
        part = output.with_name(output.name + ".part")
        with part.open("wb") as file:
            for block in reply.iter_content(1 << 20):
                file.write(block)
        part.replace(output)
    print(f"downloaded {output}: {output.stat().st_size:,} bytes")


def check_mp4(video: Path, fps: int = 30, duration_s: float = 5.0) -> None:
    """Whether it has every frame and the sound, asked of the library that made it. Raises VerifyError."""
    from fractions import Fraction

    from oriel_fx.render.encode.probe import verify

    verify(video, round(duration_s * fps), Fraction(fps), duration_s)
    print(f"checked: {duration_s:g} s of pictures at {fps} fps, and sound")


def find_mail(outbox: Path, email: str) -> str:
    """The subject of the mail that says the video is ready."""
    started = time.monotonic()
    while time.monotonic() - started < 60:
        for file in sorted(outbox.glob("*.eml")):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            if mail["To"] == email and "/api/d/" in mail.get_body(("plain",)).get_content():
                return f"{mail['Subject']!r} to {mail['To']}"
        time.sleep(0.5)
    sys.exit(f"no mail to {email} came into {outbox}")


if __name__ == "__main__":
    sys.exit(main())
