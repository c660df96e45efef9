-- What gRPC can carry in headers. Where its library cannot read a header of its own, the call fails and so do others on the
-- same connection, for what HPACK has remembered of it; and values that are not ASCII leave errors in a service's log.

-- Without these the call would mean something else, so that it is rejected rather than sent on without one.
local MEANT = {
  ["authorization"] = true,
  ["grpc-encoding"] = true,
  ["grpc-timeout"] = true,
  ["idempotency-key"] = true,
  ["if-match"] = true,
}

local function is_base64(value)
  local digits = value:match("^([%w+/]*)=*$")
  return digits ~= nil and #digits % 4 ~= 1
end

-- Removes the headers that `is_kept` does not keep, given name and value, and all whose value gRPC does not allow.
-- Returns the name of one that may not be dropped, or nil.
local function remove_broken(headers, is_kept)
  local broken = {}
  for name, value in pairs(headers) do
    if name:sub(1, 1) ~= ":" and (value:find("[^\32-\126]") or not is_kept(name, value)) then
      if MEANT[name] then
        return name
      end
      broken[#broken + 1] = name
    end
  end
  for _, name in ipairs(broken) do
    headers:remove(name)
  end
  return nil
end
