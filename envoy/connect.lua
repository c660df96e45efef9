-- Connect on the gRPC listener, around the bridge that turns it into gRPC: what the bridge would let through and services
-- do not speak, and what it leaves in gRPC's form. The table above is generated; its keys are gRPC paths.

-- Connect calls carry one of these; gRPC and gRPC-Web have types of their own.
local function is_connect(content_type)
  return content_type:find("^application/json") or content_type:find("^application/proto")
    or content_type:find("^application/connect%+")
end

local function reject(handle, status, code, message, headers)
  headers[":status"] = status
  headers["content-type"] = "application/json"
  handle:respond(headers, '{"code":"' .. code .. '","message":"' .. message .. '"}')
end

-- gRPC has 8 digits for a deadline, Connect 10: more is longer than any call may take.
local function is_timeout(headers)
  local timeout = headers:get("connect-timeout-ms")
  if timeout == nil then
    return true
  end
  if #timeout > 8 then
    headers:replace("connect-timeout-ms", "99999999")
  end
  return timeout:find("^%d+$") and #timeout <= 10
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = (headers:get(":path") or ""):match("^([^?]*)(.*)$")
  local is_get = headers:get(":method") == "GET"
  local content_type = headers:get("content-type") or ""
  if READS[path] == nil or not (is_get or is_connect(content_type)) then
    return
  end
  if is_get and not READS[path] then
    reject(handle, "405", "unimplemented", "only reads can be called with GET", {allow = "POST"})
  elseif content_type:find("json", 1, true) or (is_get and query:find("encoding=json", 1, true)) then
    reject(handle, "415", "unimplemented", "this port takes binary messages; JSON has a port of its own",
      {["accept-post"] = "application/proto, application/connect+proto, application/grpc, application/grpc-web+proto"})
  elseif not is_timeout(headers) then
    reject(handle, "400", "invalid_argument", "connect-timeout-ms: must be 1 to 10 digits", {})
  else
    handle:streamInfo():dynamicMetadata():set("bookstore", "connect", true) -- the form of Envoy's own replies
    if content_type:find("^application/proto") then
      headers:replace("connect-protocol-version", "1") -- which clients may leave out, but the bridge does not do without
    end
  end
end

local PREFIX = '"type":"type%.googleapis%.com/'

-- Connect names the type of an error's detail without a prefix.
local function mend_error(handle, status)
  local body = handle:body()
  local headers = handle:headers() -- not those got before body(): it waits, and they do not outlive that
  local text = body and body:getBytes(0, body:length()) or ""
  if (status == "429" or status == "503") and not text:find("google.rpc.RetryInfo", 1, true) then
    headers:replace("retry-after", "1")
  end
  if text ~= "" then
    local length = body:setBytes((text:gsub(PREFIX, '"type":"')))
    headers:replace("content-length", length)
  end
end

-- The last message of a stream: a flag of 2, four bytes of length, and JSON that may hold an error.
local function mend_end(chunk)
  local length = chunk:length()
  if length < 5 or chunk:getBytes(0, 1):byte() ~= 2 then
    return
  end
  local a, b, c, d = chunk:getBytes(1, 4):byte(1, 4)
  if ((a * 256 + b) * 256 + c) * 256 + d ~= length - 5 then
    return
  end
  local text = chunk:getBytes(5, length - 5):gsub(PREFIX, '"type":"')
  local size = #text
  chunk:setBytes(string.char(2, math.floor(size / 16777216), math.floor(size / 65536) % 256,
    math.floor(size / 256) % 256, size % 256) .. text)
end

function envoy_on_response(handle)
  local noted = handle:streamInfo():dynamicMetadata():get("bookstore") or {}
  if not noted.connect then
    return
  end
  local headers = handle:headers()
  headers:replace("cache-control", "no-store")
  local status, content_type = headers:get(":status"), headers:get("content-type") or ""
  if status:match("^[45]") and content_type:find("^application/json") then
    mend_error(handle, status)
  elseif content_type:find("^application/connect%+proto") then
    for chunk in handle:bodyChunks() do
      mend_end(chunk)
    end
  end
end
