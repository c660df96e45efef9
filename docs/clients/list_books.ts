// Lists books through a generated client. Arguments: the URL of the gRPC port, such as http://127.0.0.1:8081.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node"; // in a browser: createGrpcWebTransport of connect-web

import { CatalogService } from "./bookstore/catalog/v1/catalog_service_pb.js";
import { ErrorInfoSchema } from "./google/rpc/error_details_pb.js";

const transport = createGrpcTransport({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8081" });
const catalog = createClient(CatalogService, transport);

const page = await catalog.listBooks({ pageSize: 3, orderBy: "price" });
for (const book of page.books) {
  console.log(`${book.title}: ${book.price?.units}.${String((book.price?.nanos ?? 0) / 1e7).padStart(2, "0")}`);
}

try {
  await catalog.getBook({ name: "books/none" });
} catch (error) {
  const failure = ConnectError.from(error);
  console.log(`${Code[failure.code]}: ${failure.findDetails(ErrorInfoSchema)[0]?.reason}`);
}
