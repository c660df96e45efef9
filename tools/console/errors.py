"""What the command refuses to do."""

from __future__ import annotations


class Refused(Exception):
    """Something the person at the keyboard can put right; the message says what is wrong and what to do.

    Commands print it without a traceback and end with exit code 1.
    """
