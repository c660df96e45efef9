"""The front door of notifications."""

from __future__ import annotations

import grpc
from bookstore.notifications.v1 import notifications_service_pb2 as contract
from bookstore.notifications.v1.notifications_service_pb2_grpc import NotificationServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from services.notifications.queries import NotificationQueries


class NotificationsApi(NotificationServiceServicer):
    """Serves bookstore.notifications.v1.NotificationService."""

    def __init__(self, *, queries: NotificationQueries) -> None:
        self._queries = queries

    def ListNotifications(
        self, request: contract.ListNotificationsRequest, context: grpc.ServicerContext
    ) -> contract.ListNotificationsResponse:
        """Returns a page of a user's notifications."""
        page = self._queries.page(request.parent, request.filter, page_request(request), caller())
        return contract.ListNotificationsResponse(notifications=page.items, next_page_token=page.next_page_token)
