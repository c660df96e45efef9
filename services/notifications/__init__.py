"""Notifications: the mails the shop writes to users, and the list of them.

An event queues a mail in the inbox's transaction. A worker asks identity for the address, renders the text, hands both
to the mailer and forgets them: neither is stored or logged. What fails is tried again with growing pauses, then given
up. A mail to a Maildir is made once; a mail server can get one twice, with the same Message-ID, when the process dies
after the server took it.

Owns: notifications.
Tables: notifications, and those of the chassis.
Asks: identity, for the address and the display name.
Events in: bookstore.orders.v1.OrderConfirmed. Events out: none.
Settings: BOOKSTORE_SMTP_URL, BOOKSTORE_MAIL_FROM, BOOKSTORE_MAIL_ATTEMPTS; see `settings.py`.
"""
