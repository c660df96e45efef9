"""Bodies of a purchase, as the README makes it, and an error: what the document and docs/errors.md show."""

from collections.abc import Mapping
from typing import Any, Final

_MAIL = "nora@example.com"
_PASSWORD = "a long pass phrase"  # noqa: S105 - of nobody
_BOOK = "9780140449266"
_MISTAKE = "must be a name of the form books/{id}, matching `^books/[a-z0-9-]{1,64}$`"

BODIES: Final[Mapping[str, Any]] = {
    "CreateUser": {"email": _MAIL, "password": _PASSWORD, "displayName": "Nora"},
    "CreateSession": {"email": _MAIL, "password": _PASSWORD},
    "AddItem": {"book": f"books/{_BOOK}", "quantity": 1},
    "PlaceOrder": {
        "cart": "carts/me",
        "paymentMethod": "pm_ok",
        "expectedTotal": {"currencyCode": "EUR", "units": "12", "nanos": 990_000_000},
        "shippingAddress": {
            "regionCode": "DE",
            "postalCode": "10115",
            "locality": "Berlin",
            "addressLines": ["Invalidenstr. 1"],
            "recipients": ["Nora"],
        },
        "requestId": "7d9f0a52-3a3f-4c8e-9d7b-1f6a2f1f5c11",
    },
}
"""By operation."""

ERROR: Final[dict[str, Any]] = {
    "code": 3,
    "message": f"book: {_MISTAKE}",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "FIELD_INVALID",
            "domain": "platform.bookstore",
            "metadata": {},
        },
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "book", "description": _MISTAKE, "reason": "FIELD_INVALID"}],
        },
    ],
}
"""The answer to an item whose book is `9780140449266`, without its collection."""
