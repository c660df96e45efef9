"""The double-entry ledger: each step that moved money is one entry, and each entry sums to zero.

What the buyer owes is `receivable` from the hold to the charge, against `holds`, which is not earned yet. The charge
turns holds into `revenue` and the receivable into what the `provider` owes the shop; `refunds` lower both. At rest
receivable and holds are zero, and provider is what the provider's own books say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chassis.kernel import Money
from services.payments.payment import Step


class Account(StrEnum):
    """The accounts of the ledger."""

    RECEIVABLE = "receivable"
    HOLDS = "holds"
    REVENUE = "revenue"
    PROVIDER = "provider"
    REFUNDS = "refunds"


_DEBIT: Final = 1
_CREDIT: Final = -1

POSTINGS: Final[Mapping[Step, Mapping[Account, int]]] = {
    Step.AUTHORIZE: {Account.RECEIVABLE: _DEBIT, Account.HOLDS: _CREDIT},
    Step.VOID: {Account.HOLDS: _DEBIT, Account.RECEIVABLE: _CREDIT},
    Step.CAPTURE: {
        Account.HOLDS: _DEBIT,
        Account.REVENUE: _CREDIT,
        Account.PROVIDER: _DEBIT,
        Account.RECEIVABLE: _CREDIT,
    },
    Step.REFUND: {Account.REFUNDS: _DEBIT, Account.PROVIDER: _CREDIT},
}
"""Which accounts a step moves, and which way: debits are positive, credits negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Debits minus credits of one account in one currency."""

    account: str
    amount: Money


def entry(step: Step, amount: Money) -> dict[Account, Money]:
    """The lines of the entry for a step that moved `amount`."""
    return {account: amount * sign for account, sign in POSTINGS[step].items()}


def balanced(balances: tuple[Balance, ...]) -> bool:
    """Whether the balances of each currency sum to zero."""
    sums: dict[str, int] = {}
    for balance in balances:
        sums[balance.amount.currency] = sums.get(balance.amount.currency, 0) + balance.amount.minor
    return not any(sums.values())
