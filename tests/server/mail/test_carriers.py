"""What is particular to each mail carrier: files, TLS and refusals of SMTP, SendGrid and its fallback."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.server.mail.servers import (
    PASSWORD,
    USER,
    SendGridSink,
    SmtpSink,
    certificate,
    check_password,
    running_sendgrid,
    running_smtp,
)

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.mail import smtp as smtp_module
from oriel_fx.server.mail.base import Mail, MailError
from oriel_fx.server.mail.eml import EmlMailer
from oriel_fx.server.mail.sendgrid import SendGridMailer
from oriel_fx.server.mail.smtp import SmtpMailer, parse_smtp_url
from oriel_fx.server.settings import Settings, SettingsError, load_settings

MAIL = Mail("anna@example.org", "Hello", "text\n", "<p>html</p>", "<m1@oriel.example>")
LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(**values: Any) -> Settings:
        common = {"mail_from": "Oriel FX <videos@oriel.example>", "request_timeout_s": 1.0}
        return load_settings(env="development", data_dir=tmp_path, **(common | values))

    return make


@pytest.fixture
def smtp() -> Iterator[SmtpSink]:
    with running_smtp() as sink:
        yield sink


@pytest.fixture
def sendgrid() -> Iterator[SendGridSink]:
    with running_sendgrid() as sink:
        yield sink


# Files


def test_files_sort_by_time_and_name_their_mail(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    mailer = EmlMailer(make_settings())
    names = [mailer.send(replace(MAIL, message_id=f"<m{number}@oriel.example>")) for number in range(3)]
    assert sorted(names) == names == sorted(path.name for path in (tmp_path / "outbox").glob("*.eml"))
    assert names[0].startswith(f"{datetime.now(UTC):%Y%m%dT}")
    assert names[0].endswith("-m0_oriel.example.eml")


def test_the_same_mail_is_written_once(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    mailer = EmlMailer(make_settings())
    assert mailer.send(MAIL) == mailer.send(MAIL)
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1


# SMTP


def smtp_mailer(make_settings: Callable[..., Settings], url: str) -> SmtpMailer:
    return SmtpMailer(make_settings(mail="smtp", smtp_url=url))


def test_the_envelope_has_the_bare_addresses(make_settings: Callable[..., Settings], smtp: SmtpSink) -> None:
    assert smtp_mailer(make_settings, f"smtp://127.0.0.1:{smtp.port}").send(MAIL) == MAIL.message_id
    (envelope,) = smtp.envelopes
    assert envelope.mail_from == "videos@oriel.example"
    assert envelope.rcpt_tos == ["anna@example.org"]


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_over_tls_with_a_password_of_odd_characters(
    make_settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    pem, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    # aiosmtpd counts TLS only where STARTTLS began it.
    login = {"authenticator": check_password, "auth_require_tls": scheme == "smtp"}
    tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    with running_smtp(**login, **tls) as sink:
        url = f"{scheme}://{LOGIN}@127.0.0.1:{sink.port}" + ("" if scheme == "smtps" else "?starttls=always")
        smtp_mailer(make_settings, url).send(MAIL)
        assert len(sink.mails) == 1
        assert sink.logins == [USER]
        assert scheme == "smtps" or sink.tls_used == [True]


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_certificate_nobody_vouches_for_is_refused(
    make_settings: Callable[..., Settings], tmp_path: Path, scheme: str
) -> None:
    _, context = certificate(tmp_path)
    tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    with running_smtp(**tls) as sink:
        url = f"{scheme}://127.0.0.1:{sink.port}" + ("" if scheme == "smtps" else "?starttls=always")
        with pytest.raises(MailError, match="SSLCertVerificationError") as caught:
            smtp_mailer(make_settings, url).send(MAIL)
        assert not caught.value.permanent
        assert sink.mails == []


def test_where_tls_is_wanted_nothing_is_said_without_it(make_settings: Callable[..., Settings], smtp: SmtpSink) -> None:
    with pytest.raises(MailError, match="STARTTLS") as caught:
        smtp_mailer(make_settings, f"smtp://{LOGIN}@127.0.0.1:{smtp.port}?starttls=always").send(MAIL)
    assert not caught.value.permanent
    assert smtp.mails == []


def test_a_wrong_password_is_the_operators_to_mend_and_not_shown(make_settings: Callable[..., Settings]) -> None:
    with running_smtp(authenticator=check_password, auth_require_tls=False) as sink:
        url = f"smtp://{quote(USER, safe='')}:wrong-word@127.0.0.1:{sink.port}"
        with pytest.raises(MailError, match="535") as caught:
            smtp_mailer(make_settings, url).send(MAIL)
    assert not caught.value.permanent
    assert "wrong-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "reply", "permanent"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "450 4.2.1 mailbox busy", False),
        ("RCPT", "530 5.7.0 authentication required", False),
        ("DATA", "554 5.7.1 looks like spam", True),
        ("DATA", "451 4.3.0 try again", False),
        ("DATA", "421 4.3.2 shutting down", False),
        ("MAIL", "550 5.7.1 you may not send from here", False),
        ("MAIL", "421 4.3.2 shutting down", False),
    ],
)
def test_what_is_said_of_the_mail_for_good_is_permanent(
    make_settings: Callable[..., Settings], smtp: SmtpSink, command: str, reply: str, permanent: bool
) -> None:
    smtp.replies[command] = reply
    with pytest.raises(MailError, match=reply.partition(" ")[0]) as caught:
        smtp_mailer(make_settings, f"smtp://127.0.0.1:{smtp.port}").send(MAIL)
    assert caught.value.permanent is permanent


def test_an_address_in_another_script_needs_a_server_that_takes_it(make_settings: Callable[..., Settings]) -> None:
    mail = replace(MAIL, to="jörg@example.org")
    with running_smtp(enable_SMTPUTF8=True, decode_data=False) as sink:
        smtp_mailer(make_settings, f"smtp://127.0.0.1:{sink.port}").send(mail)
        assert sink.envelopes[0].rcpt_tos == ["jörg@example.org"]
    with running_smtp(enable_SMTPUTF8=False) as sink:
        with pytest.raises(MailError, match="ASCII") as caught:
            smtp_mailer(make_settings, f"smtp://127.0.0.1:{sink.port}").send(mail)
        assert caught.value.permanent


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "implicit_tls", "starttls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, "", "", False, True),
        ("smtps://mail.example.org", "mail.example.org", 465, "", "", True, False),
        (f"smtp://{LOGIN}@mail.example.org:2525", "mail.example.org", 2525, USER, PASSWORD, False, True),
        ("smtp://localhost:1025", "localhost", 1025, "", "", False, False),
        ("smtp://[::1]:1025", "::1", 1025, "", "", False, False),
        ("smtp://mail.railway.internal:1025?starttls=never", "mail.railway.internal", 1025, "", "", False, False),
    ],
)
def test_an_url_says_how_to_connect(
    url: str, host: str, port: int, user: str, password: str, implicit_tls: bool, starttls: bool
) -> None:
    assert parse_smtp_url(url) == smtp_module.SmtpServer(host, port, user, password, implicit_tls, starttls)
    assert not password or password not in repr(parse_smtp_url(url))


@pytest.mark.parametrize(
    "url", ["", "http://secret@x", "smtp://", "smtp://x:port", "smtp://secret@x?tls=1", "smtp://x?starttls=maybe"]
)
def test_an_url_that_is_none_stops_the_start_and_is_not_shown(make_settings: Callable[..., Settings], url: str) -> None:
    with pytest.raises(SettingsError, match="ORIEL_SMTP_URL") as caught:
        parse_smtp_url(url)
    assert "secret" not in str(caught.value)


# SendGrid


def sendgrid_settings(make_settings: Callable[..., Settings], url: str, **more: Any) -> Settings:
    return make_settings(mail="sendgrid", sendgrid_api_key="SG.secret", sendgrid_host=url, **more)


def test_sendgrid_gets_the_key_and_changes_no_links(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink
) -> None:
    assert SendGridMailer(sendgrid_settings(make_settings, sendgrid.url)).send(MAIL) == "sg-1"
    assert sendgrid.keys == ["Bearer SG.secret"]
    (request,) = sendgrid.requests
    assert request["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}
    assert request["custom_args"] == {"message_id": MAIL.message_id}


def test_the_key_is_in_no_log(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    SendGridMailer(sendgrid_settings(make_settings, sendgrid.url)).send(MAIL)
    assert "SG.secret" not in caplog.text
    assert MAIL.to not in caplog.text


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (413, True), (401, False), (403, False), (404, False), (429, False), (500, False), (503, False)],
)
def test_sendgrids_answers_without_a_fallback(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink, status: int, permanent: bool
) -> None:
    sendgrid.status = status
    with pytest.raises(MailError, match=str(status)) as caught:
        SendGridMailer(sendgrid_settings(make_settings, sendgrid.url)).send(MAIL)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_what_sendgrid_does_not_take_goes_by_smtp(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink, smtp: SmtpSink, status: int
) -> None:
    sendgrid.status = status
    settings = sendgrid_settings(make_settings, sendgrid.url, smtp_url=f"smtp://127.0.0.1:{smtp.port}")
    assert SendGridMailer(settings).send(MAIL) == MAIL.message_id
    assert [str(mail["Message-ID"]) for mail in smtp.mails] == [MAIL.message_id]


def test_a_mail_that_is_wrong_in_itself_is_not_tried_again_by_smtp(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink, smtp: SmtpSink
) -> None:
    sendgrid.status = 400
    settings = sendgrid_settings(make_settings, sendgrid.url, smtp_url=f"smtp://127.0.0.1:{smtp.port}")
    with pytest.raises(MailError):
        SendGridMailer(settings).send(MAIL)
    assert smtp.mails == []


def test_after_five_outages_sendgrid_is_not_asked_until_it_may_be_back(
    make_settings: Callable[..., Settings], sendgrid: SendGridSink, smtp: SmtpSink
) -> None:
    settings = sendgrid_settings(make_settings, sendgrid.url, smtp_url=f"smtp://127.0.0.1:{smtp.port}")
    mailer = SendGridMailer(settings)
    sendgrid.status = 503
    for _ in range(5):
        mailer.send(MAIL)
    assert breaker_states() == {"sendgrid": "open"}
    sendgrid.status = 202
    mailer.send(MAIL)
    assert len(smtp.mails) == 6 and sendgrid.requests == []


def test_a_refusal_opens_no_breaker(make_settings: Callable[..., Settings], sendgrid: SendGridSink) -> None:
    mailer = SendGridMailer(sendgrid_settings(make_settings, sendgrid.url))
    sendgrid.status = 400
    for _ in range(8):
        with pytest.raises(MailError):
            mailer.send(MAIL)
    assert breaker_states() == {"sendgrid": "closed"}


def test_when_both_are_away_the_mail_waits(make_settings: Callable[..., Settings]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        settings = sendgrid_settings(make_settings, f"http://127.0.0.1:{port}", smtp_url=f"smtp://127.0.0.1:{port}")
        with pytest.raises(MailError) as caught:
            SendGridMailer(settings).send(MAIL)
    assert not caught.value.permanent
