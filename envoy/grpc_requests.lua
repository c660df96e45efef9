-- The gRPC listener: the path of a call is its method and may be logged as it is; and what is refused before a service
-- sees it gets a google.rpc.Status with the reason that the JSON listener gives.

-- By gRPC code. 4 and 8 are gRPC's own answers in a service's place.
local REASONS = {
  ["3"] = {reason = "REQUEST_MALFORMED", domain = "edge.bookstore"},
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

-- gRPC's own headers that clients send; the others are for servers to send, or for the library alone.
local OWN = {
  ["grpc-timeout"] = function() return true end, -- checked below
  ["grpc-encoding"] = function() return true end,
  ["grpc-accept-encoding"] = function() return true end,
  ["grpc-previous-rpc-attempts"] = function(value) return value:find("^%d%d?%d?$") end,
  ["grpc-trace-bin"] = is_base64,
  ["grpc-tags-bin"] = is_base64,
}
local UNITS = "[HMSmun]"
local ENCODINGS = {identity = true, gzip = true, deflate = true}
local INVALID_ARGUMENT, UNIMPLEMENTED = "3", "12"
local TAKEN = "identity, deflate, gzip"

local function is_kept(name, value)
  if name:find("^grpc%-") then
    return OWN[name] ~= nil and OWN[name](value)
  end
  return not name:find("%-bin$") or is_base64(value)
end

local function is_timeout(value)
  local digits = value:match("^(%d+)" .. UNITS .. "$")
  return digits ~= nil and #digits <= 8
end

-- What keeps the call from a service: the gRPC code and the message, which is ASCII without a percent sign. Nothing: nil.
local function rejection(headers)
  local name = remove_broken(headers, is_kept)
  if name ~= nil then
    return INVALID_ARGUMENT, name .. ": must be printable ASCII"
  end
  local timeout = headers:get("grpc-timeout")
  if timeout ~= nil and not is_timeout(timeout) then
    return INVALID_ARGUMENT, "grpc-timeout: must be 1 to 8 digits and one of the units H, M, S, m, u, n, such as 500m"
  end
  local encoding = headers:get("grpc-encoding")
  if encoding ~= nil and not ENCODINGS[encoding] then
    return UNIMPLEMENTED, "grpc-encoding: must be one of " .. TAKEN
  end
  return nil
end

-- In the form of the protocol: Envoy itself would give gRPC-Web another code.
local function reject(handle, code, message)
  if (handle:streamInfo():dynamicMetadata():get("bookstore") or {}).connect then
    handle:respond({[":status"] = "400"}, message)
    return
  end
  handle:respond({
    [":status"] = "200",
    ["content-type"] = "application/grpc",
    ["grpc-status"] = code,
    ["grpc-message"] = message,
    ["grpc-accept-encoding"] = TAKEN,
  }, "")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = (headers:get(":path") or ""):match("^([^?]*)(.*)$")
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("bookstore", "path", path)
  metadata:set("bookstore", "method", headers:get(":method") or "")
  if not (headers:get("content-type") or ""):find("^application/grpc") then
    return
  end
  if query ~= "" then
    headers:replace(":path", path)
  end
  -- The route was chosen before Connect became gRPC.
  if handle:streamInfo():routeName() == "unmatched" then
    handle:clearRouteCache()
  end
  headers:replace("te", "trailers")
  local code, message = rejection(headers)
  if code ~= nil then
    reject(handle, code, message)
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
