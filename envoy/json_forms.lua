-- The forms that the JSON mapping of Protocol Buffers (ProtoJSON) gives to single values, as strict as it words them: the
-- transcoder reads "0x10" as a number, " 3 s" as a duration and "A,,b-c" as a field mask.

-- Each reader takes the place and the code of a value's first character and returns the place that follows the value.
local READERS = {}

function READERS.string(at, code)
  if code ~= QUOTE then
    reject("must be a string in double quotes")
  end
  return after_string(at)
end

-- A string that must look like one of the patterns.
local function read_formed(at, code, problem, ...)
  if code == QUOTE then
    local following = after_string(at)
    local value = meaning(at, following - 1)
    for _, pattern in ipairs({...}) do
      if find(value, pattern) then
        return following
      end
    end
  end
  reject(problem)
end

function READERS.bytes(at, code)
  return read_formed(at, code, "must be base64 in double quotes", "^[%w+/_-]*=?=?$")
end

function READERS.duration(at, code)
  return read_formed(at, code, 'must be seconds such as "3.5s"', "^-?%d+s$", "^-?%d+%.%d+s$")
end

function READERS.timestamp(at, code)
  return read_formed(at, code, 'must be a time such as "2026-01-31T12:00:00Z"', "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d")
end

function READERS.field_mask(at, code)
  local following = read_formed(at, code, "must be names of fields joined by commas", "^$", "^[%w_.*,]+$")
  local value = meaning(at, following - 1)
  for name in (value .. "."):gmatch("([^.,]*)[.,]") do
    if value ~= "" and name ~= "*" and not find(name, "^%l[%w_]*$") then
      reject("must be names of fields joined by commas")
    end
  end
  return following
end

function READERS.boolean(at)
  return after_word(at, "true") or after_word(at, "false") or reject("must be true or false")
end

-- A number of 64 bits is a string as a rule, and any other may be one.
local function read_whole(at, code, problem)
  local following, whole
  if code == QUOTE then
    following = after_string(at)
    local value = meaning(at, following - 1)
    local last
    last, whole = number_in(value, 1)
    whole = whole and last == #value + 1
  elseif is_number(code) then
    following, whole = after_number(at)
  end
  return whole and following or reject(problem)
end

function READERS.integer(at, code)
  return read_whole(at, code, "must be a whole number, written in digits")
end

local NOT_FINITE = {NaN = true, Infinity = true, ["-Infinity"] = true}

function READERS.number(at, code)
  if code == QUOTE then
    local following = after_string(at)
    local value = meaning(at, following - 1)
    return (NOT_FINITE[value] or number_in(value, 1) == #value + 1) and following or reject("must be a number")
  end
  return is_number(code) and (after_number(at)) or reject("must be a number")
end

function READERS.enum(at, code)
  if code == QUOTE then
    return after_string(at) -- a name, which the transcoder knows
  end
  return read_whole(at, code, "must be the name of one of the enum's values, in double quotes")
end

-- What the keys of a map must look like, where they are no strings: one spelling for each.
local KEYS = {}

function KEYS.boolean(key)
  return key == "true" or key == "false" or reject("the key must be true or false")
end

function KEYS.integer(key)
  return key == "0" or find(key, "^-?[1-9]%d*$") or reject("the key must be a whole number")
end
