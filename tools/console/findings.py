"""What `doctor` and `up` find, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when it is as it should be; a warning stops no start."""

    subject: str
    detail: str
    remedy: str = ""
    is_warning: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.remedy

    @property
    def stops_start(self) -> bool:
        """Whether a start would fail."""
        return not self.is_good and not self.is_warning

    def __str__(self) -> str:
        return f"{self.subject}: {self.detail}" + (f"; {self.remedy}" if self.remedy else "")
