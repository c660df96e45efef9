-- The JSON listener: media types on the way in; status, location and leftovers of gRPC on the way out.

local BODY_METHODS = {POST = true, PUT = true, PATCH = true}

-- The path without its query, and without the names of guest carts: who knows one may use the cart.
local function loggable(path)
  return (path:gsub("%?.*$", ""):gsub("^(/v1/carts/)[^/:]+", "%1*"))
end

local function is_json(content_type)
  local media = content_type:match("^%s*([^;%s]+)")
  return media ~= nil and media:lower() == "application/json"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  handle:streamInfo():dynamicMetadata():set("bookstore", "path", loggable(headers:get(":path") or ""))
  handle:streamInfo():dynamicMetadata():set("bookstore", "method", headers:get(":method") or "")
  headers:remove("grpc-timeout") -- the route sets the deadline
  headers:remove("grpc-encoding") -- the transcoder sends messages as they are
  headers:remove("grpc-accept-encoding")
  if not BODY_METHODS[headers:get(":method")] then
    return
  end
  local content_type = headers:get("content-type")
  local has_body = headers:get("transfer-encoding") ~= nil or (headers:get("content-length") or "0") ~= "0"
  if (content_type ~= nil and not is_json(content_type)) or (content_type == nil and has_body) then
    handle:respond({[":status"] = "415"}, "")
  end
end

-- What the transcoder could not read becomes a BadRequest detail with the field's name, as services answer it.
local function name_field(handle)
  local body = handle:body()
  local text = body:getBytes(0, body:length())
  local message = text:match('"message":"(.*)"}')
  local field = text:match("understood: ([%w_%.%[%]]+): ") or text:match('find field \\"([%w_%.]+)\\" in the type')
  if message == nil or field == nil then
    return
  end
  local detail = '{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"' .. field
    .. '","description":"' .. message .. '"}]}'
  local at = text:find('],"message":', 1, true)
  local length = body:setBytes(text:sub(1, at - 1) .. "," .. detail .. text:sub(at))
  handle:headers():replace("content-length", length)
end

-- What gRPC itself answers in a service's place, when its queue is full or time is over, has no details. It gets the
-- reason that services give for the same; anything else is not for the client to read.
local BARE = {
  ["429"] = {reason = "OVERLOADED", message = "the process is at its limit; try again later"},
  ["504"] = {reason = "DEADLINE_PASSED", message = "the deadline passed before the work was done"},
}
local UNEXPECTED = {reason = "UNEXPECTED", message = "something went wrong here"}

local function give_reason(handle)
  local body = handle:body()
  local text = body and body:getBytes(0, body:length()) or ""
  local code = text:match('^{"code":(%d+),"message":".*","details":%[%]}%s*$')
  if code == nil then
    return
  end
  local bare = BARE[handle:headers():get(":status")] or UNEXPECTED
  local length = body:setBytes('{"code":' .. code .. ',"message":"' .. bare.message
    .. '","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"' .. bare.reason
    .. '","domain":"platform.bookstore","metadata":{}}]}')
  handle:headers():replace("content-length", length)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local from_service = headers:get("x-envoy-upstream-service-time") ~= nil
  local status = headers:get("x-bookstore-http-status")
  if status ~= nil then
    headers:remove("x-bookstore-http-status")
    if status:match("^[2-5]%d%d$") then
      headers:replace(":status", status)
    end
  end
  -- The transcoder leaves these behind. Removed here and not on the route: the transcoder must read them first. A client
  -- that speaks gRPC to this port is refused in gRPC and needs them.
  if not (headers:get("content-type") or ""):find("^application/grpc") then
    headers:remove("grpc-status")
    headers:remove("grpc-message")
    headers:remove("grpc-status-details-bin")
  end
  headers:remove("grpc-accept-encoding")
  headers:remove("x-envoy-upstream-service-time")
  if headers:get("www-authenticate") ~= nil then
    headers:replace("www-authenticate", "Bearer") -- Envoy's own repeats the URL
  end
  if not from_service and headers:get(":status") == "400" then
    name_field(handle)
  elseif from_service and headers:get(":status"):match("^[45]") then
    give_reason(handle)
  end
end
