"""What the mails say, and that nothing a user wrote is more than text in them."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from oriel_fx.server.mail.messages import VALUES, Composed, MailKind, compose, day, money, one_line, span

PUBLIC = "https://oriel.example"
EVIL = '<script>alert("1")</script> & "quotes"\r\nBcc: everyone@example.org'
SAMPLES: dict[str, object] = {
    "title": "Glass Hours — ガラス",
    "url": "https://oriel.example/api/d/abc?x=1&y=2",
    "expires_at": datetime(2026, 12, 24, 9, 0, tzinfo=UTC),
    "reason": "The song could not be decoded.",
    "amount_cents": 149,
    "currency": "usd",
    "valid_s": 3600,
    "cause": "render:ENCODE",
    "detail": "Job 7 failed:\nffmpeg ended with 1",
    "address": "new@example.org",
}


def composed(kind: MailKind, **changed: object) -> Composed:
    return compose(kind, PUBLIC, {name: changed.get(name, SAMPLES[name]) for name in VALUES[kind]})


class Page(HTMLParser):
    """The tags, links and words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_a_subject_a_text_and_a_page_of_its_own(kind: MailKind) -> None:
    words = composed(kind)
    assert 5 < len(words.subject) <= 150 and "\n" not in words.subject
    assert words.text.endswith("\n") and PUBLIC in words.text
    page = Page(words.html)
    assert words.subject in page.words and PUBLIC in page.links
    # Nothing is fetched, and nothing runs.
    assert not {"script", "img", "link", "iframe", "form"} & set(page.tags)
    assert page.tags.count("h1") == 1


@pytest.mark.parametrize("kind", MailKind)
def test_what_a_user_wrote_is_only_text(kind: MailKind) -> None:
    texts = {"title", "reason", "cause", "detail", "address"}
    words = composed(kind, **dict.fromkeys(texts, EVIL))
    assert "\n" not in words.subject and "\r" not in words.subject
    assert "<script" not in words.html
    assert "script" not in Page(words.html).tags
    if texts & VALUES[kind]:
        assert "&lt;script&gt;" in words.html


def test_the_completed_mail_has_the_link_its_end_and_what_to_do() -> None:
    words = composed(MailKind.COMPLETED)
    assert words.subject == "Your video is ready: Glass Hours — ガラス"
    assert "https://oriel.example/api/d/abc?x=1&y=2" in words.text
    assert "https://oriel.example/api/d/abc?x=1&y=2" in Page(words.html).links
    for text in (words.text, Page(words.html).words):
        assert "24 December 2026" in text
        assert "How to download and post it" in text
        assert "YouTube" in text


def test_the_failed_mail_says_what_happened_and_that_the_money_comes_back() -> None:
    words = composed(MailKind.FAILED)
    for text in (words.text, Page(words.html).words):
        assert "The song could not be decoded." in text
        assert "Your money comes back" in text
        assert "$1.49" in text


def test_the_reset_mail_has_the_link_and_its_hour() -> None:
    words = composed(MailKind.RESET_PASSWORD, url="https://oriel.example/#/reset?token=t")
    assert "https://oriel.example/#/reset?token=t" in words.text
    assert "1 hour" in words.text


def test_a_song_without_a_title_is_your_song() -> None:
    assert composed(MailKind.COMPLETED, title="").subject == "Your video is ready: your song"


def test_a_long_title_is_cut_in_the_subject_and_whole_in_the_text() -> None:
    words = composed(MailKind.COMPLETED, title="日本" * 200)
    assert len(words.subject) == 150 and words.subject.endswith("…")
    assert "日本" * 200 in words.text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a b"),
        ("a\0b\x07c", "a b c"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\u202eevil\u202c\u2066x\u2069", "evilx"),
        ("  many   spaces ", "many spaces"),
        ("👩‍🎤 クラシック", "👩‍🎤 クラシック"),
        ("half\ud83d", "half"),
    ],
)
def test_one_line_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("cents", "currency", "shown"),
    [
        (149, "usd", "$1.49"),
        (5, "eur", "€0.05"),
        (123456789, "gbp", "£1,234,567.89"),
        (500, "jpy", "¥500"),
        (1234, "kwd", "1.234 KWD"),
        (990, "chf", "9.90 CHF"),
    ],
)
def test_money_is_written_as_people_write_it(cents: int, currency: str, shown: str) -> None:
    assert money(cents, currency) == shown


def test_spans_and_days() -> None:
    assert [span(s) for s in (3600, 7200, 86400, 900, 1, 5400)] == [
        "1 hour",
        "2 hours",
        "1 day",
        "15 minutes",
        "1 second",
        "90 minutes",
    ]
    assert day(datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) == "1 March 2026"


@pytest.mark.parametrize("values", [{}, {"title": "x"}, {**SAMPLES}])
def test_values_that_are_missing_or_extra_are_a_mistake(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a completed mail takes"):
        compose(MailKind.COMPLETED, PUBLIC, values)
