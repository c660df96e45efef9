"""Payments: what was held, charged and paid back for orders, and the ledger that proves it.

Each step (authorize, capture, void, refund) is recorded as meant, asked of the provider under a key of its own and
recorded as answered. A step without an answer stays open and is asked again, by whoever asked first or by the worker;
the key makes that safe. The embedded provider is a sandbox with books of its own (`sandbox.py`).

Owns: payments, their steps and the double-entry ledger.
Tables: payments, steps, ledger_lines; provider_payments and provider_requests are the sandbox's; those of the chassis.
Asks: the payment provider, through the port in `provider.py`.
Events out: PaymentAuthorized, PaymentDeclined, PaymentCaptured, PaymentVoided, PaymentRefunded. Events in: none.
Settings: those of the chassis.
"""
