"""The front door of notifications."""

from __future__ import annotations

import grpc
from bookstore.notifications.v1 import notifications_service_pb2 as contract
from bookstore.notifications.v1.notifications_service_pb2_grpc import NotificationServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from services.notifications.messages import notification_message
from services.notifications.reading import Reading


class NotificationsApi(NotificationServiceServicer):
    """Serves bookstore.notifications.v1.NotificationService."""

    def __init__(self, *, reading: Reading) -> None:
        self._reading = reading

    def ListNotifications(
        self, request: contract.ListNotificationsRequest, context: grpc.ServicerContext
    ) -> contract.ListNotificationsResponse:
        """A page of a user's notifications."""
        page = self._reading.page(request.parent, request.filter, page_request(request), caller())
        notifications = page.map(notification_message)
        return contract.ListNotificationsResponse(
            notifications=notifications.items, next_page_token=notifications.next_page_token
        )
