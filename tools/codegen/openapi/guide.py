"""What holds for every operation, for who reads the document first: its `info.description`, in Markdown."""

from typing import Final

GUIDE: Final = """\
The JSON side of the bookstore's gRPC contracts. Names are lowerCamelCase; money, times and 64-bit numbers follow the
JSON mapping of Protocol Buffers.

## Values

Answers always print zeros, empty texts and empty lists; only fields that are not `required` here can be absent. A
schema that ends in `Input` or `Update` is the same thing as it is sent, without what the server fills in.

Money is whole `units`, a string since they are 64 bits, and `nanos`, billionths. In JavaScript:

```js
const show = ({currencyCode, units = "0", nanos = 0}, locale) =>
  new Intl.NumberFormat(locale, {style: "currency", currency: currencyCode}).format(Number(units) + nanos / 1e9);
```

## Requests

Bodies are `application/json`. Unknown fields of a body are ignored, unknown query parameters are refused.

A PATCH changes the fields that `updateMask` names (lowerCamelCase, joined by commas). Without it every field of the
body that is not empty is changed; to clear a field, name it in `updateMask` and leave it out of the body.

Every change can be repeated safely: send the same `Idempotency-Key` (or `requestId`, a UUID) and the first answer
comes back, with the header `idempotent-replayed: true`. An `If-Match` with the `etag` last read (or the field `etag`)
refuses to overwrite somebody else's change: 412, reason ETAG_MISMATCH.

## Answers

Errors have the form of `google.rpc.Status`. Decide by the `reason` of the ErrorInfo among its details, never by text,
and pass over details you do not know. A BadRequest names each bad field as the contract does: in snake_case, and of a
resource in the body below the name of its field, such as `user.display_name` for `displayName` of `POST /v1/users`.

An order that could not be confirmed is an order all the same: `POST /v1/orders` answers 201 with the state
STATE_REJECTED and a `rejectReason`. STATE_PENDING is still being worked on; watch it.

What ends in `:watch` answers server-sent events, `text/event-stream`, each `data:` one JSON message. A browser's
EventSource sends no token; read the body of `fetch` instead. An error after the first event cannot be told: a stream
that ends without a message that says `last` was cut; watch again.
"""
