"""What holds for every operation: the document's `info.description`, in Markdown."""

from typing import Final

GUIDE: Final = """\
The bookstore as JSON over HTTP. Names are lowerCamelCase; money, times and 64-bit numbers follow the
JSON mapping of Protocol Buffers.

## Buy a book

1. `POST /v1/users` with an address of your own signs up.
2. `POST /v1/sessions` signs in. Its `accessToken` goes into the header `Authorization: Bearer ...` of what follows and
   is valid for ten minutes; `POST /v1/sessions:refresh` returns a new one. Signing in on the page `/docs` authorizes
   the page; another token can be pasted under Authorize.
3. `POST /v1/carts/me:addItem` puts a book into the cart and returns it with its quote.
4. `POST /v1/orders` with the quote's total as `expectedTotal` places the order.

## Values

Responses always have zeros, empty texts and empty lists; only fields that are not `required` here can be absent. A
schema that ends in `Input` or `Update` is the same resource as it is sent, without what the server fills in.

Money is whole `units`, a string since they are 64 bits, and `nanos`, billionths. In JavaScript:

```js
const show = ({currencyCode, units = "0", nanos = 0}, locale) =>
  new Intl.NumberFormat(locale, {style: "currency", currency: currencyCode}).format(Number(units) + nanos / 1e9);
```

## Requests

Bodies are `application/json`, strictly as RFC 8259 has it. A field that is unknown or given twice, a value of another
type, a list longer than its `maxItems` and an unknown query parameter are rejected with 400 and the field named. Whole
numbers are written in digits: `1`, not `1.0` or `1e0`. Calls whose operation lists no body take none.

A PATCH changes the fields that `updateMask` names (lowerCamelCase, joined by commas). Without it every field of the
body that is not empty is changed; to clear a field, name it in `updateMask` and leave it out of the body.

Every change can be repeated safely: send the same `Idempotency-Key` (or `requestId`), a UUID, and the first response
is returned again, with the header `idempotent-replayed: true`. An `If-Match` with the `etag` last read (or the field
`etag`) prevents overwriting a later change: 412, reason ETAG_MISMATCH. It may be weak or one of a list.

`If-None-Match` with the `etag` last read returns 304 while nothing has changed, except for carts and promotions, parts
of which change without a new `etag`. HEAD works wherever GET does, except for streams.

A field that the path or the body contains cannot also be a query parameter. Bodies must not have a Content-Encoding.

Reads that need no sign-in treat a bad or expired token as none. An access token is accepted until 10 seconds after it
expires, because clocks differ.

## Responses

Errors have the form of `google.rpc.Status`. Decide by the `reason` of the ErrorInfo among its details, never by text,
and ignore details you do not know. A BadRequest names each bad field as the contract does: in snake_case, and of a
resource in the body below the name of its field, such as `user.display_name` for `displayName` of `POST /v1/users`.

An order that could not be confirmed is still an order: `POST /v1/orders` returns 201 with the state
STATE_REJECTED and a `rejectReason`. STATE_PENDING is still being worked on; watch it.

Responses that belong to one caller have `Cache-Control: no-store`. What anyone may see can be cached when no token was
sent, and has `Vary: Authorization`.

With 429 and 503, `Retry-After` says after how many seconds to try again.

Paths that end in `:watch` return server-sent events, `text/event-stream`, each `data:` one JSON message. A browser's
EventSource sends no token; read the body of `fetch` instead. An error after the first event cannot be reported: a
stream that ends without a message that says `last` was cut; watch again. At least every 20 seconds there is a message;
one without a change repeats the last, with the same `etag`.
"""
