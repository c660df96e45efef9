"""Whether a broker can be used: it is there, takes the credentials of its URL, and has JetStream."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from chassis.broker.port import BrokerUnavailable

_REPLY_SECONDS: Final = 3


def probe_broker(url: str, *, timeout: int = _REPLY_SECONDS) -> None:
    """Connects as services do and asks JetStream for the account. `timeout` in seconds. Raises BrokerUnavailable."""
    try:
        asyncio.run(_probe(url, timeout))
    except TimeoutError:
        raise BrokerUnavailable(f"no reply within {timeout} s") from None
    except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError):
        raise BrokerUnavailable("it has no JetStream; start it with `-js`") from None
    except OSError as error:
        known = error.errno is not None and error.errno > 0  # asyncio's own text is longer and says less
        raise BrokerUnavailable(os.strerror(error.errno or 0) if known else error.strerror or str(error)) from None
    except nats.errors.Error as error:
        raise BrokerUnavailable(str(error).removeprefix("nats: ").strip("'")) from None


async def _probe(url: str, seconds: int) -> None:
    client = Client()
    failures: list[Exception] = []
    failed = asyncio.Event()

    async def fail(error: Exception) -> None:
        failures.append(error)
        failed.set()

    async def use() -> None:
        await client.connect(url, name="probe", allow_reconnect=False, connect_timeout=seconds, error_cb=fail)
        await client.jetstream(timeout=seconds).account_info()

    using, failing = asyncio.create_task(use()), asyncio.create_task(failed.wait())
    try:
        await asyncio.wait({using, failing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if failures:  # the client itself would try again for a while
            raise failures[0]
        if not using.done():
            raise TimeoutError
        await using
    finally:
        failing.cancel()
        await client.close()  # also ends an attempt to connect, which does not heed being cancelled
        using.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError, nats.errors.Error):
            await using
