"""What a change of a payment leaves to do once it is committed. Losing it is safe: rows say what is due."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Todo:
    """Ids of rows: jobs to enqueue, payments to refund, jobs whose open checkouts to close, mails to announce."""

    renders: list[int] = field(default_factory=list)
    refunds: list[int] = field(default_factory=list)
    closings: list[int] = field(default_factory=list)
    mails: list[int] = field(default_factory=list)

    def mail(self, message_id: int | None) -> None:
        """One more mail, if it was written."""
        if message_id is not None:
            self.mails.append(message_id)
