"""What every mail carrier does: files, SMTP, SendGrid. One suite against all."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.server.mail.servers import running_sendgrid, running_smtp

from oriel_fx.server.breakers import reset_breakers
from oriel_fx.server.mail.base import Mail, Mailer, MailError
from oriel_fx.server.services import make_mailer
from oriel_fx.server.settings import load_settings

TIMEOUT_S = 1.0
MAIL = Mail(
    to="anna@example.org",
    subject="Your video is ready: Über den Wolken — 日本 🎸",
    text="Zeile eins\n\nhttps://oriel.example/d/" + "x" * 200 + "\n.\nvorletzte Zeile: ñandú\n",
    html="<p>Zeile <b>eins</b> — 日本</p>",
    message_id="<0123456789abcdef@oriel.example>",
)


SUBJECTS = [
    "Hello",
    "Wörter und 日本 🎸 " * 9,
    "a" * 150,
    "日本の歌" * 30,
    "plain words then é " * 7,
    '"quoted", <angled> =?utf-8?q?not_encoded?= (really)',
]


@dataclass(frozen=True)
class Arrived:
    """A mail as it came out at the other end."""

    to: str
    sender: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]


@dataclass
class Carrier:
    """A mailer, and what has arrived where it sends to."""

    kind: str
    mailer: Mailer
    arrived: Callable[[], list[Arrived]]
    stop: Callable[[], None] = field(default=lambda: None)


def of_message(message: EmailMessage) -> Arrived:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    return Arrived(
        to=str(message["To"]),
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        text=text.get_content().replace("\r\n", "\n"),
        html=html.get_content().replace("\r\n", "\n").rstrip("\n"),
        headers={name: str(value) for name, value in message.items()},
    )


def of_request(body: dict[str, Any]) -> Arrived:
    (recipients,) = body["personalizations"]
    (recipient,) = recipients["to"]
    content = {part["type"]: part["value"] for part in body["content"]}
    assert list(content) == ["text/plain", "text/html"]  # SendGrid wants them in this order
    return Arrived(
        to=recipient["email"],
        sender=f"{body['from']['name']} <{body['from']['email']}>",
        subject=body["subject"],
        text=content["text/plain"],
        html=content["text/html"],
        headers=body["headers"],
    )


@pytest.fixture(params=["eml", "smtp", "sendgrid"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Carrier]:
    """Each carrier, sending to a server of its own."""
    reset_breakers()
    common: dict[str, Any] = {
        "env": "development",
        "data_dir": tmp_path,
        "mail": request.param,
        "mail_from": "Oriel FX <videos@oriel.example>",
        "request_timeout_s": TIMEOUT_S,
    }
    if request.param == "eml":
        outbox = tmp_path / "outbox"

        def read() -> list[Arrived]:
            files = sorted(outbox.glob("*.eml"))
            return [of_message(message_from_bytes(file.read_bytes(), policy=policy.default)) for file in files]

        yield Carrier("eml", make_mailer(load_settings(**common)), read)
    elif request.param == "smtp":
        with running_smtp() as smtp:
            mailer = make_mailer(load_settings(**common, smtp_url=f"smtp://127.0.0.1:{smtp.port}"))
            yield Carrier("smtp", mailer, lambda: [of_message(mail) for mail in smtp.mails])
    else:
        with running_sendgrid() as sendgrid:
            settings = load_settings(**common, sendgrid_api_key="SG.test", sendgrid_host=sendgrid.url)
            yield Carrier("sendgrid", make_mailer(settings), lambda: [of_request(body) for body in sendgrid.requests])


def test_a_mail_arrives_as_it_was_sent(carrier: Carrier) -> None:
    carrier.mailer.send(MAIL)
    (arrived,) = carrier.arrived()
    assert arrived.to == "anna@example.org"
    assert arrived.sender == "Oriel FX <videos@oriel.example>"
    assert arrived.subject == MAIL.subject
    assert arrived.text == MAIL.text
    assert arrived.html == MAIL.html


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_arrives_with_every_space(carrier: Carrier, subject: str) -> None:
    carrier.mailer.send(replace(MAIL, subject=subject.strip()))
    assert carrier.arrived()[0].subject == subject.strip()


def test_a_mail_says_what_it_is(carrier: Carrier) -> None:
    carrier.mailer.send(MAIL)
    (arrived,) = carrier.arrived()
    assert arrived.headers["Message-ID"] == MAIL.message_id
    assert arrived.headers["Auto-Submitted"] == "auto-generated"
    if carrier.kind != "sendgrid":  # which writes the date itself
        assert arrived.headers["Date"].endswith("+0000")
        assert arrived.headers["Content-Type"].startswith("multipart/alternative")


def test_each_mail_has_an_id_of_the_carriers(carrier: Carrier) -> None:
    first = carrier.mailer.send(MAIL)
    second = carrier.mailer.send(replace(MAIL, message_id="<another@oriel.example>"))
    assert first and second and first != second
    assert len(carrier.arrived()) == 2


@pytest.mark.parametrize(
    ("to", "arrives_as"),
    [("anna@münchen.example", "anna@xn--mnchen-3ya.example"), ("o'neil+oriel@example.org", "o'neil+oriel@example.org")],
)
def test_an_address_arrives_as_it_travels(carrier: Carrier, to: str, arrives_as: str) -> None:
    carrier.mailer.send(replace(MAIL, to=to))
    assert carrier.arrived()[0].to == arrives_as


INJECTIONS = {
    "a header by the subject": replace(MAIL, subject="Hi\r\nBcc: everyone@example.org"),
    "a body by the subject": replace(MAIL, subject="Hi\n\nBuy pills"),
    "a bare return": replace(MAIL, subject="Hi\rBcc: everyone@example.org"),
    "a line separator": replace(MAIL, subject="Hi\u2028Bcc: everyone@example.org"),
    "a header by the address": replace(MAIL, to="anna@example.org\r\nBcc: everyone@example.org"),
    "a second recipient": replace(MAIL, to="anna@example.org, everyone@example.org"),
    "a second recipient by semicolon": replace(MAIL, to="anna@example.org;everyone@example.org"),
    "a hidden recipient": replace(MAIL, to="anna@example.org <everyone@example.org>"),
    "an SMTP command": replace(MAIL, to="anna@example.org>\r\nRCPT TO:<everyone@example.org"),
    "two ats": replace(MAIL, to="anna@example.org@example.com"),
    "no address": replace(MAIL, to="anna"),
    "nobody": replace(MAIL, to=""),
    "a header by the id": replace(MAIL, message_id="<a@b>\r\nBcc: everyone@example.org"),
}


@pytest.mark.parametrize("mail", INJECTIONS.values(), ids=INJECTIONS.keys())
def test_nothing_slips_into_the_headers(carrier: Carrier, mail: Mail) -> None:
    with pytest.raises(MailError) as caught:
        carrier.mailer.send(mail)
    assert caught.value.permanent
    assert carrier.arrived() == []


def test_markup_and_dots_at_the_start_of_lines_are_only_text(carrier: Carrier) -> None:
    text = ".\n..\n.\nFrom here\n\x20indented\n"
    carrier.mailer.send(replace(MAIL, text=text))
    assert carrier.arrived()[0].text == text


def unusable(kind: str, tmp_path: Path, port: int) -> Mailer:
    """The carrier, with nobody at the other end."""
    if kind == "eml":
        (tmp_path / "outbox").write_bytes(b"")  # a file where the folder should be
    settings = load_settings(
        env="development",
        data_dir=tmp_path,
        mail=kind,
        request_timeout_s=TIMEOUT_S,
        smtp_url=f"smtp://127.0.0.1:{port}" if kind == "smtp" else None,
        sendgrid_api_key="SG.test",
        sendgrid_host=f"http://127.0.0.1:{port}",
    )
    return make_mailer(settings)


@pytest.mark.parametrize("kind", ["eml", "smtp", "sendgrid"])
def test_a_carrier_that_is_away_says_to_try_again(kind: str, tmp_path: Path) -> None:
    reset_breakers()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        mailer = unusable(kind, tmp_path, unused.getsockname()[1])
        with pytest.raises(MailError) as caught:
            mailer.send(MAIL)
    assert not caught.value.permanent


@pytest.mark.parametrize("kind", ["smtp", "sendgrid"])
def test_a_carrier_that_is_silent_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    reset_breakers()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        mailer = unusable(kind, tmp_path, silent.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(MailError) as caught:
            mailer.send(MAIL)
        assert time.monotonic() - started < TIMEOUT_S + 0.5
    assert not caught.value.permanent
