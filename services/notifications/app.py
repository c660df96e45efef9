"""Puts notifications together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from bookstore.notifications.v1.notifications_service_pb2_grpc import add_NotificationServiceServicer_to_server

from chassis.health import Dependency
from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.notifications.api import NotificationsApi
from services.notifications.deliver_mail import MailDelivery
from services.notifications.events import subscriptions
from services.notifications.maildir import MaildirMailer
from services.notifications.mailer import Mailer
from services.notifications.outbound import OutboundMail
from services.notifications.queries import NotificationQueries
from services.notifications.remotes import GrpcDirectory
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import SmtpMailer

MAIL_FOLDER: Final = "mail"
"""The Maildir, inside the data folder."""
_LOOK_EVERY: Final = timedelta(seconds=2)
_CHECK_EVERY: Final = timedelta(seconds=30)  # it signs in each time, which mail providers count


def build(runtime: Runtime) -> Service:
    """The notification service."""
    database, clock = runtime.database, runtime.clock
    settings = runtime.settings(NotificationsSettings)
    mailer = mailer_for(settings, runtime.chassis.data_dir)
    delivering = MailDelivery(
        database,
        clock=clock,
        directory=GrpcDirectory(runtime.channel("identity")),
        mailer=mailer,
        sender=settings.mail_from,
        most_attempts=settings.mail_attempts,
    )
    worker = Worker("deliver-mail", _LOOK_EVERY, delivering.run)
    database.on_commit(worker.wake)
    checking = Worker("check-mailer", _CHECK_EVERY, mailer.check)
    return Service(
        name="notifications",
        servicers=(
            Servicer(
                add_NotificationServiceServicer_to_server, NotificationsApi(queries=NotificationQueries(database))
            ),
        ),
        subscriptions=subscriptions(OutboundMail(clock=clock, ids=runtime.ids)),
        workers=(worker, checking),
        dependencies=(Dependency(name=mailer.name, is_available=lambda: not checking.failures),),
    )


def mailer_for(settings: NotificationsSettings, data_dir: Path) -> Mailer:
    """The mail server that is set, or the Maildir."""
    url = settings.smtp_url.get_secret_value()
    return SmtpMailer(url) if url else MaildirMailer(data_dir / MAIL_FOLDER)
