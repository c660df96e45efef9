-- The gRPC listener: the path of a call is its method and may be logged as it is.

function envoy_on_request(handle)
  local path = handle:headers():get(":path") or ""
  handle:streamInfo():dynamicMetadata():set("bookstore", "path", (path:gsub("%?.*$", "")))
end
