-- The gRPC listener: the path of a call is its method and may be logged as it is; and what is refused before a service
-- sees it gets a google.rpc.Status with the reason that the JSON listener gives.

-- By gRPC code. 4 and 8 are gRPC's own answers in a service's place.
local REASONS = {
  ["4"] = {reason = "DEADLINE_PASSED", domain = "platform.bookstore"},
  ["7"] = {reason = "TOKEN_REFUSED", domain = "edge.bookstore"},
  ["8"] = {reason = "OVERLOADED", domain = "platform.bookstore"},
  ["12"] = {reason = "ROUTE_NOT_FOUND", domain = "edge.bookstore"},
  ["14"] = {reason = "SERVICE_UNAVAILABLE", domain = "edge.bookstore"},
  ["16"] = {reason = "TOKEN_REQUIRED", domain = "edge.bookstore"},
}

-- Field `number` of a protobuf message with a length-delimited value of less than 2^14 bytes.
local function field(number, value)
  local length = #value
  local size = length < 128 and string.char(length) or string.char(128 + length % 128, math.floor(length / 128))
  return string.char(number * 8 + 2) .. size .. value
end

local function status(code, message, known)
  local info = field(1, known.reason) .. field(2, known.domain)
  local detail = field(1, "type.googleapis.com/google.rpc.ErrorInfo") .. field(2, info)
  return string.char(8, tonumber(code)) .. field(2, message) .. field(3, detail)
end

local function decoded(message)
  return (message:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Headers of this ending are base64 in gRPC; one that is not would fail the whole call.
local function remove_broken_binaries(headers)
  local broken = {}
  for name, value in pairs(headers) do
    local digits = value:match("^([%w+/]*)=*$")
    if name:find("%-bin$") and (digits == nil or #digits % 4 == 1) then
      broken[#broken + 1] = name
    end
  end
  for _, name in ipairs(broken) do
    headers:remove(name)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  remove_broken_binaries(headers)
  local path = headers:get(":path") or ""
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("bookstore", "path", (path:gsub("%?.*$", "")))
  metadata:set("bookstore", "method", headers:get(":method") or "")
  -- The route was chosen before Connect became gRPC.
  local is_grpc = (headers:get("content-type") or ""):find("^application/grpc")
  if is_grpc and handle:streamInfo():routeName() == "unmatched" then
    handle:clearRouteCache()
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local code = headers:get("grpc-status") -- among the headers only when nothing else follows
  local known = REASONS[code or ""]
  if known ~= nil and headers:get("grpc-status-details-bin") == nil then
    local message = decoded(headers:get("grpc-message") or ""):sub(1, 1000)
    headers:add("grpc-status-details-bin", (handle:base64Escape(status(code, message, known)):gsub("=+$", "")))
  end
end
