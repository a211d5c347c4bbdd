"""A payment that was made and not used pays for a new job of the same buyer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask_openapi import OpenAPI
from sqlalchemy.exc import IntegrityError

from oriel_fx.server.db import db
from oriel_fx.server.errors import ApiError, PaymentNotFoundError, PaymentRequiredError, PaymentUsedError
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.payments.use import use_payment
from oriel_fx.server.states import PaymentStatus


@pytest.fixture
def use(app: OpenAPI, make_user: Callable[..., int]) -> Callable[..., int]:
    """Makes a payment with these values and uses it as its owner, or as somebody else."""

    def go(price_cents: int = 149, currency: str = "usd", stranger: bool = False, **values: object) -> int:
        owner = make_user()
        with app.app_context():
            filled = {"amount": 149, "currency": "usd", "status": PaymentStatus.COMPLETED, **values}
            payment = Payment(user_id=owner, **filled)
            db.session.add(payment)
            db.session.commit()
            user = db.session.get_one(User, make_user() if stranger else owner)
            return use_payment(db.session, user, payment.public_id, price_cents, currency).id

    return go


def test_one_that_covers_the_price(use: Callable[..., int]) -> None:
    assert use()
    assert use(price_cents=99)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"stranger": True}, PaymentNotFoundError),
        ({"price_cents": 150}, PaymentRequiredError),
        ({"currency": "eur"}, PaymentRequiredError),
        *(({"status": one}, PaymentRequiredError) for one in PaymentStatus if one is not PaymentStatus.COMPLETED),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_one_that_does_not(use: Callable[..., int], values: dict[str, object], error: type[ApiError]) -> None:
    with pytest.raises(error):
        use(**values)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_none_at_all(app: OpenAPI, make_user: Callable[..., int]) -> None:
    with app.app_context(), pytest.raises(PaymentNotFoundError):
        use_payment(db.session, db.session.get_one(User, make_user()), "none", 1, "usd")


def test_one_that_was_used_before(app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]) -> None:
    owner = make_user()
    with app.app_context():
        payment = Payment(user_id=owner, amount=149, currency="usd", status=PaymentStatus.COMPLETED)
        db.session.add(payment)
        db.session.commit()
        public_id, row_id = payment.public_id, payment.id
        make_job(owner, payment_id=row_id)
        with pytest.raises(PaymentUsedError):
            use_payment(db.session, db.session.get_one(User, owner), public_id, 149, "usd")
        db.session.rollback()
        # And what slips past the question the constraint refuses.
        other = db.session.get_one(RenderJob, make_job(owner))
        other.payment_id = row_id
        with pytest.raises(IntegrityError):
            db.session.commit()
        db.session.rollback()
