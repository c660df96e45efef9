// Buys a book through a generated client. Argument: the URL of the gRPC port, such as http://127.0.0.1:8081.
import { randomUUID } from "node:crypto"; // in a browser: crypto.randomUUID()

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node"; // in a browser: @connectrpc/connect-web

import { CartService } from "./bookstore/carts/v1/carts_service_pb.js";
import { CatalogService } from "./bookstore/catalog/v1/catalog_service_pb.js";
import { IdentityService } from "./bookstore/identity/v1/identity_service_pb.js";
import { SessionService } from "./bookstore/identity/v1/session_service_pb.js";
import { Order_State } from "./bookstore/orders/v1/order_pb.js";
import { OrderService } from "./bookstore/orders/v1/orders_service_pb.js";
import { ErrorInfoSchema } from "./google/rpc/error_details_pb.js";

const transport = createGrpcWebTransport({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8081", httpVersion: "1.1" });
const catalog = createClient(CatalogService, transport);

const account = { email: `nora-${randomUUID()}@example.com`, password: "a long pass phrase" };
await createClient(IdentityService, transport).createUser({ user: { ...account, displayName: "Nora" } });
const session = await createClient(SessionService, transport).createSession(account);
const signedIn = { headers: { Authorization: `Bearer ${session.accessToken}` } };

const { books } = await catalog.listBooks({ filter: "format = FORMAT_PAPERBACK", orderBy: "price", pageSize: 1 });
const cart = await createClient(CartService, transport).addItem(
  { cart: "carts/me", book: books[0].name, quantity: 1 },
  signedIn,
);
const order = await createClient(OrderService, transport).placeOrder(
  {
    cart: "carts/me",
    paymentMethod: "pm_ok",
    expectedTotal: cart.quote?.total,
    shippingAddress: {
      regionCode: "DE",
      postalCode: "10115",
      locality: "Berlin",
      addressLines: ["Invalidenstr. 1"],
    },
    requestId: randomUUID(),
  },
  signedIn,
);
console.log(`${order.name}: ${books[0].title}, ${Order_State[order.state]}`);

try {
  await catalog.getBook({ name: "books/none" });
} catch (error) {
  const failure = ConnectError.from(error);
  console.log(`${Code[failure.code]}: ${failure.findDetails(ErrorInfoSchema)[0]?.reason}`);
}
