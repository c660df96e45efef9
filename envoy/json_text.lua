-- The texts of JSON, strictly as RFC 8259 has them: what stands where in the body that is being read, and what is wrong
-- with it. strict.lua, which follows, knows what the values mean.

local byte, char, find, sub = string.byte, string.char, string.find, string.sub

local LONGEST_KEY = 60 -- characters of a client's key that a message repeats
local QUOTE, BACKSLASH, MINUS, NULL = byte('"'), byte("\\"), byte("-"), byte("n")

-- The state of the one reading that runs: a worker reads a body to its end before it does anything else.
local text
local path = {} -- names of fields, keys of maps in brackets, numbers of items; those that lead to the value being read
local depth = 0 -- how many of them

local function place()
  local steps = {}
  for level = 1, depth do
    local step = path[level]
    if type(step) == "number" then
      step = "[" .. step .. "]"
    elseif level > 1 and sub(step, 1, 1) ~= "[" then
      step = "." .. step
    end
    steps[level] = step
  end
  return depth > 0 and table.concat(steps) or "body"
end

local function reject(problem)
  error({problem = place() .. ": " .. problem}, 0)
end

-- A client's key as messages repeat it: it may hold anything.
local function shown(key)
  local plain = sub(key, 1, LONGEST_KEY):gsub("[^%w_]", "?")
  return plain == "" and "?" or plain
end

-- The next character that is not white space, and where.
local function next_token(at)
  local code = byte(text, at)
  while code == 32 or code == 10 or code == 13 or code == 9 do
    at = at + 1
    code = byte(text, at)
  end
  return at, code
end

-- Strings ------------------------------------------------------------------------------------------------------------

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

local function four_digits(at)
  local digits = sub(text, at, at + 3)
  return find(digits, "^%x%x%x%x$") and tonumber(digits, 16) or nil
end

-- The code point of the escape \u whose digits begin at `at`, and what follows it.
local function code_point(at)
  local code = four_digits(at)
  if code == nil then
    reject("holds \\u without four hexadecimal digits")
  end
  if code < 0xD800 or code > 0xDFFF then
    return code, at + 4
  end
  local low = code < 0xDC00 and sub(text, at + 4, at + 5) == "\\u" and four_digits(at + 6) or 0
  if low < 0xDC00 or low > 0xDFFF then
    reject("holds half of a surrogate pair")
  end
  return 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00, at + 10
end

-- What follows the escape whose backslash is at `at`.
local function after_escape(at)
  local kind = sub(text, at + 1, at + 1)
  if kind == "u" then
    local _, following = code_point(at + 2)
    return following
  end
  if ESCAPES[kind] == nil then
    reject("holds a backslash that begins no escape of JSON")
  end
  return at + 2
end

local function continues(at, least, most)
  local code = byte(text, at)
  return code ~= nil and code >= least and code <= most
end

-- What follows the UTF-8 sequence that begins at `at` with `lead` (RFC 3629, section 4).
local function after_sequence(at, lead)
  local following
  if lead >= 0xC2 and lead <= 0xDF then
    following = continues(at + 1, 0x80, 0xBF) and at + 2
  elseif lead >= 0xE0 and lead <= 0xEF then
    local least, most = lead == 0xE0 and 0xA0 or 0x80, lead == 0xED and 0x9F or 0xBF
    following = continues(at + 1, least, most) and continues(at + 2, 0x80, 0xBF) and at + 3
  elseif lead >= 0xF0 and lead <= 0xF4 then
    local least, most = lead == 0xF0 and 0x90 or 0x80, lead == 0xF4 and 0x8F or 0xBF
    following = continues(at + 1, least, most) and continues(at + 2, 0x80, 0xBF) and continues(at + 3, 0x80, 0xBF)
      and at + 4
  end
  return following or reject("is not UTF-8")
end

-- What follows the string whose opening quote is at `at`.
local function after_string(at)
  at = at + 1
  while true do
    -- Most of a text is plain; this leaps over it.
    at = find(text, '["\\%z\1-\31\128-\255]', at) or reject("the string has no closing quote")
    local code = byte(text, at)
    if code == QUOTE then
      return at + 1
    elseif code == BACKSLASH then
      at = after_escape(at)
    elseif code < 32 then
      reject("holds a control character that is not escaped")
    else
      at = after_sequence(at, code)
    end
  end
end

local function utf8(code)
  if code < 0x80 then
    return char(code)
  end
  local tail = char(0x80 + code % 0x40)
  code = math.floor(code / 0x40)
  if code < 0x20 then
    return char(0xC0 + code) .. tail
  end
  tail = char(0x80 + code % 0x40) .. tail
  code = math.floor(code / 0x40)
  if code < 0x10 then
    return char(0xE0 + code) .. tail
  end
  return char(0xF0 + math.floor(code / 0x40), 0x80 + code % 0x40) .. tail
end

-- What the string between the quotes at `first` and `last` says: two spellings of a key are one key.
local function meaning(first, last)
  local at = find(text, "\\", first, true)
  if at == nil or at > last then
    return sub(text, first + 1, last - 1)
  end
  local parts = {}
  local from = first + 1
  while at ~= nil and at < last do
    parts[#parts + 1] = sub(text, from, at - 1)
    local kind = sub(text, at + 1, at + 1)
    if kind == "u" then
      local code
      code, from = code_point(at + 2)
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = ESCAPES[kind]
      from = at + 2
    end
    at = find(text, "\\", from, true)
  end
  parts[#parts + 1] = sub(text, from, last - 1)
  return table.concat(parts)
end

-- Numbers and words --------------------------------------------------------------------------------------------------

local function is_number(code)
  return code == MINUS or (code ~= nil and code >= 48 and code <= 57)
end

-- What follows the number that `source` has at `at`, and whether it is written in digits alone; nil where none is.
local function number_in(source, at)
  local _, last = find(source, "^-?%d+", at)
  if last == nil or find(source, "^-?0%d", at) then
    return nil
  end
  local _, fraction = find(source, "^%.%d+", last + 1)
  local _, exponent = find(source, "^[eE][+-]?%d+", (fraction or last) + 1)
  return (exponent or fraction or last) + 1, fraction == nil and exponent == nil
end

-- The same of the number at `at` of the body.
local function after_number(at)
  local following, whole = number_in(text, at)
  if following == nil then
    reject("is not a number of JSON")
  end
  if math.abs(tonumber(sub(text, at, following - 1))) == math.huge then
    reject("is larger than any number of 64 bits")
  end
  return following, whole
end

-- What follows the word, if it stands at `at`.
local function after_word(at, word)
  local following = at + #word
  return sub(text, at, following - 1) == word and following or nil
end
