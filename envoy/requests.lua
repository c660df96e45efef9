-- The JSON listener: what HTTP allows and gRPC does not know on the way in; status, caching and leftovers of gRPC on the
-- way out. The tables above are generated; their keys are names of routes.

local BODY_METHODS = {POST = true, PUT = true, PATCH = true}

-- The path without its query, and without the names of guest carts: who knows one may use the cart.
local function loggable(path)
  return (path:gsub("%?.*$", ""):gsub("^(/v1/carts/)[^/:]+", "%1*"))
end

local function is_json(content_type)
  local media = content_type:match("^%s*([^;%s]+)")
  return media ~= nil and media:lower() == "application/json"
end

local function unescaped(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The first query parameter that names what the path or the body binds; the transcoder would let it win.
local function bound_twice(path, bound)
  for pair in (path:match("%?([^#]*)") or ""):gmatch("[^&]+") do
    local key = unescaped(pair:match("^[^=]*"))
    if bound == "*" then
      return key
    end
    local name = key:gsub("_", ""):lower()
    while name ~= nil do
      if bound[name] then
        return key
      end
      name = name:match("^(.*)%.[^.]*$")
    end
  end
  return nil
end

-- HEAD is routed like GET, and an escaped colon is a colon. Returns the name of the route and the path.
local function routed(handle, method, path)
  local headers = handle:headers()
  local moved = method == "HEAD"
  if moved then
    headers:replace(":method", "GET")
  end
  local plain, query = path:match("^([^?]*)(.*)$")
  if plain:find("%%3[Aa]") then
    path = plain:gsub("%%3[Aa]", ":") .. query
    headers:replace(":path", path)
    moved = true
  end
  if moved then
    handle:clearRouteCache()
    handle:metadata() -- finds the route again; without it routeName() still tells the old one
  end
  return handle:streamInfo():routeName(), path
end

local function has_body(headers)
  return headers:get("transfer-encoding") ~= nil or (headers:get("content-length") or "0") ~= "0"
end

-- What keeps the request from being transcoded: headers of the reply, and the body for its message. Nothing: nil.
local function rejection(headers, method, route, path)
  if method == "HEAD" and STREAMS[route] then
    return {[":status"] = "405", ["allow"] = "GET, OPTIONS"}, ""
  end
  local coding = headers:get("content-encoding")
  if coding ~= nil and coding:lower() ~= "identity" then
    return {[":status"] = "415", ["accept-encoding"] = "identity"}, ""
  end
  local key = BOUND[route] and bound_twice(path, BOUND[route])
  if key then
    return {[":status"] = "400"}, key:gsub("[^%w_.%[%]]", "?"):sub(1, 60) .. ": is not a query parameter of this call"
  end
  local content_type = headers:get("content-type")
  if BODY_METHODS[method] and (content_type or has_body(headers)) and not is_json(content_type or "") then
    return {[":status"] = "415"}, ""
  end
  return nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path") or ""
  local method = headers:get(":method") or ""
  local noted = handle:streamInfo():dynamicMetadata()
  noted:set("bookstore", "path", loggable(path))
  noted:set("bookstore", "method", method)
  if headers:get("authorization") ~= nil then
    noted:set("bookstore", "token", true)
  end
  local tags = headers:get("if-none-match")
  if tags ~= nil and (method == "GET" or method == "HEAD") then
    noted:set("bookstore", "tags", tags)
  end
  local broken = remove_broken(headers, function() return true end)
  if broken ~= nil then
    handle:respond({[":status"] = "400"}, broken .. ": must be printable ASCII")
    return
  end
  local route
  route, path = routed(handle, method, path)
  local reply, text = rejection(headers, method, route, path)
  if reply ~= nil then
    handle:respond(reply, text)
  end
end

-- What could not be read becomes a BadRequest detail with the field's name, as services reply.
local function name_field(handle)
  local body = handle:body()
  if body == nil then
    return -- of HEAD
  end
  local text = body:getBytes(0, body:length())
  local message = text:match('"message":"(.*)"}')
  local field = text:match('understood: ([^%s"\\:]+): ') or text:match('find field \\"([^%s"\\]+)\\" in the type')
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

local function complete_error(handle, status)
  local body = handle:body()
  local headers = handle:headers() -- not those got before body(): it waits, and they do not outlive that
  local text = body and body:getBytes(0, body:length()) or ""
  local delay = text:match('"retryDelay":"([%d.]+)s"')
  if delay ~= nil or status == "429" or status == "503" then
    headers:replace("retry-after", tostring(math.max(1, math.ceil(tonumber(delay or "1") or 1))))
  end
  local code = text:match('^{"code":(%d+),"message":".*","details":%[%]}%s*$')
  if code == nil then
    return
  end
  local bare = BARE[status] or UNEXPECTED
  local length = body:setBytes('{"code":' .. code .. ',"message":"' .. bare.message
    .. '","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"' .. bare.reason
    .. '","domain":"platform.bookstore","metadata":{}}]}')
  headers:replace("content-length", length)
end

-- If-None-Match (RFC 9110, section 13.1.2): a list or `*`, compared without regard to weakness.
local function matches(tags, etag)
  local own = etag:gsub("^W/", "")
  for tag in tags:gmatch("[^,]+") do
    tag = tag:match("^%s*(.-)%s*$"):gsub("^W/", "")
    if tag == "*" or tag == own then
      return true
    end
  end
  return false
end

local function empty(handle)
  local body = handle:body()
  if body ~= nil then
    body:setBytes("")
  end
  local trailers = handle:trailers() -- left by the transcoder when the body was waited for
  if trailers ~= nil then
    trailers:remove("grpc-status")
    trailers:remove("grpc-message")
  end
end

local function not_modified(handle)
  local headers = handle:headers()
  headers:replace(":status", "304")
  headers:remove("content-type")
  headers:remove("content-length")
  empty(handle)
  handle:headers():remove("content-length") -- which emptying has set
end

-- Over HTTP/2 nothing else takes the body off.
local function head_only(handle)
  local length = handle:headers():get("content-length")
  empty(handle)
  if length ~= nil then
    handle:headers():replace("content-length", length)
  else
    handle:headers():remove("content-length")
  end
end

-- What may be kept on the way: nothing that is one caller's; what anyone sees, for those who send no token.
local function limit_caching(headers, route, noted)
  if PRIVATE[route] or (VARIES[route] and noted.token) then
    headers:replace("cache-control", "no-store")
  end
  if VARIES[route] then
    headers:add("vary", "Authorization")
  end
end

local function without_leftovers(headers)
  -- Removed here and not on the route: the transcoder must read them first. A client that speaks gRPC to this port is
  -- refused in gRPC and needs them.
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
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local noted = handle:streamInfo():dynamicMetadata():get("bookstore") or {}
  local route = handle:streamInfo():routeName()
  local from_service = headers:get("x-envoy-upstream-service-time") ~= nil
  local told = headers:get("x-bookstore-http-status")
  if told ~= nil then
    headers:remove("x-bookstore-http-status")
    if told:match("^[2-5]%d%d$") then
      headers:replace(":status", told)
    end
  end
  without_leftovers(headers)
  limit_caching(headers, route, noted)
  local status, etag = headers:get(":status"), headers:get("etag")
  -- Nothing may use `headers` below: what waits for the body ends their life.
  if not from_service then
    if status == "400" then
      name_field(handle)
    end
  elseif status == "200" and etag ~= nil and noted.tags ~= nil and REVALIDATED[route] and matches(noted.tags, etag) then
    not_modified(handle)
  elseif status:match("^[45]") then
    complete_error(handle, status)
    if noted.method == "HEAD" then
      head_only(handle)
    end
  elseif noted.method == "HEAD" then
    head_only(handle)
  end
end
