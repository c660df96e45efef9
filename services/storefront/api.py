"""The storefront's front doors."""

from __future__ import annotations

from http import HTTPStatus

import grpc
from bookstore.ops.v1 import ops_service_pb2, status_pb2
from bookstore.ops.v1.ops_service_pb2_grpc import StatusServiceServicer
from bookstore.storefront.v1 import book_page_pb2, storefront_service_pb2
from bookstore.storefront.v1.storefront_service_pb2_grpc import StorefrontServiceServicer

from chassis.interceptors.http import STATUS_METADATA_KEY
from services.storefront.book_page import BookPages
from services.storefront.status import ShopStatus


class StorefrontApi(StorefrontServiceServicer):
    """Serves bookstore.storefront.v1.StorefrontService."""

    def __init__(self, pages: BookPages) -> None:
        self._pages = pages

    def GetBookPage(
        self, request: storefront_service_pb2.GetBookPageRequest, context: grpc.ServicerContext
    ) -> book_page_pb2.BookPage:
        """The page of one book."""
        return self._pages.page(request.name.removeprefix("pages/books/"))


class StatusApi(StatusServiceServicer):
    """Serves bookstore.ops.v1.StatusService."""

    def __init__(self, shop: ShopStatus) -> None:
        self._shop = shop

    def GetStatus(self, request: ops_service_pb2.GetStatusRequest, context: grpc.ServicerContext) -> status_pb2.Status:
        """Returns the health of all services; over HTTP as an error of the server while the shop cannot sell."""
        status = self._shop.status()
        if status.state == status_pb2.Status.STATE_NOT_SERVING:
            context.send_initial_metadata(((STATUS_METADATA_KEY, str(HTTPStatus.SERVICE_UNAVAILABLE.value)),))
        return status
