-- Rejects JSON bodies that the transcoder would take for something else. It drops fields it does not know, lets the last
-- of two equal keys win, takes an object for a list and reads much that is not JSON: bare keys, trailing commas, 1e0.
-- Here each value is held to its field. The tables above are generated: MESSAGES, the fields of each message; FORMS, the
-- forms of the well-known types; BODIES, what fills the body of each route.

local DEEPEST = 32 -- levels of objects and lists
local MOST = 1000 -- items or members where a field takes any JSON
local TYPE_URL = "^type%.googleapis%.com/(.+)$"
local COMMA, COLON = byte(","), byte(":")
local OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = byte("{"), byte("}"), byte("["), byte("]")

-- Fields by message and key. Either spelling of a field is a key: JSON takes both.
local FIELDS = {}
for message, rows in pairs(MESSAGES) do
  local fields = {}
  for _, field in ipairs(rows) do
    fields[field[1]] = field
    fields[field[2]] = field
  end
  FIELDS[message] = fields
end

local read_value

local function enter(step)
  depth = depth + 1
  path[depth] = step
end

local function leave()
  depth = depth - 1
end

local nesting = 0
local function open()
  nesting = nesting + 1
  if nesting > DEEPEST then
    depth = math.min(depth, 1) -- the whole way down tells nothing more
    reject("is nested more than " .. DEEPEST .. " levels deep")
  end
end

-- The key at `at`, and what follows it.
local function read_key(at, code)
  if code == nil then
    reject("the object has no closing brace")
  end
  if code ~= QUOTE then
    local _, _, name = find(text, "^'?([%w_]+)", at)
    if name ~= nil then
      enter(shown(name))
    end
    reject("the name of a field must be in double quotes")
  end
  local following = after_string(at)
  return meaning(at, following - 1), following
end

-- Goes on behind a value: at the next item or member, or nil and what follows the end.
local function separated(at, close, shape)
  local code
  at, code = next_token(at)
  if code == close then
    return nil, at + 1
  end
  if code ~= COMMA then
    reject(code == nil and "the " .. shape .. " has no end" or "a comma or the end of the " .. shape .. " must follow")
  end
  at, code = next_token(at + 1)
  if code == close then
    reject("a comma must not follow the last one of the " .. shape)
  end
  return at, code
end

-- The last "@type" read, by the level of its object.
local types = {}

-- An object: a message, if `fields` are given, else members of one kind, at most so many; `check` rejects a bad key.
local function read_members(at, fields, kind, most, check)
  open()
  local seen, groups, count = {}, {}, 0
  local code
  at, code = next_token(at + 1)
  if code == CLOSE_OBJECT then
    nesting = nesting - 1
    return at + 1
  end
  while at ~= nil do
    local key, following = read_key(at, code)
    local field = fields ~= nil and fields[key] or nil
    enter(field ~= nil and field[1] or fields ~= nil and shown(key) or "[" .. shown(key) .. "]")
    if fields ~= nil and field == nil then
      reject("unknown field")
    end
    local identity = field or key -- both spellings of a field are one
    if seen[identity] then
      reject("is given twice")
    end
    seen[identity] = true
    count = count + 1
    if fields == nil and count > most then
      leave()
      reject("must have at most " .. most .. " entries")
    end
    if check ~= nil then
      check(key)
    end
    following, code = next_token(following)
    if code ~= COLON then
      reject("a colon must follow the name")
    end
    following, code = next_token(following + 1)
    if field ~= nil then
      if field.oneof ~= nil and code ~= NULL then -- which leaves a field out
        if groups[field.oneof] then
          reject("cannot be given together with " .. groups[field.oneof])
        end
        groups[field.oneof] = field[1]
      end
      following = read_value(following, code, field)
    else
      local first = following
      following = READERS[kind](first, code)
      if key == "@type" then
        types[nesting] = code == QUOTE and meaning(first, following - 1) or nil
      end
    end
    at, code = separated(following, CLOSE_OBJECT, "object")
    leave()
  end
  nesting = nesting - 1
  return code
end

local function read_items(at, kind, most)
  open()
  local count = 0
  local code
  at, code = next_token(at + 1)
  if code == CLOSE_LIST then
    nesting = nesting - 1
    return at + 1
  end
  local read = READERS[kind]
  while at ~= nil do
    if count == most then
      reject("must have at most " .. most .. " items")
    end
    enter(count)
    at, code = separated(read(at, code), CLOSE_LIST, "list")
    leave()
    count = count + 1
  end
  nesting = nesting - 1
  return code
end

-- The value of a field: null, a list, a map or one value.
function read_value(at, code, field)
  if code == NULL then
    return after_word(at, "null") or reject("is not a value of JSON")
  elseif field.list ~= nil then
    if code ~= OPEN_LIST then
      reject("must be a list")
    end
    return read_items(at, field.kind, field.list)
  elseif field.map ~= nil then
    if code ~= OPEN_OBJECT then
      reject("must be an object")
    end
    return read_members(at, nil, field.kind, field.map, KEYS[field.key])
  end
  return READERS[field.kind](at, code)
end

function READERS.object(at, code)
  if code ~= OPEN_OBJECT then
    reject("must be an object")
  end
  return read_members(at, nil, "any", MOST)
end

function READERS.array(at, code)
  if code ~= OPEN_LIST then
    reject("must be a list")
  end
  return read_items(at, "any", MOST)
end

function READERS.any(at, code)
  if code == QUOTE then
    return after_string(at)
  elseif code == OPEN_OBJECT then
    return READERS.object(at, code)
  elseif code == OPEN_LIST then
    return READERS.array(at, code)
  elseif is_number(code) then
    return (after_number(at))
  end
  return after_word(at, "true") or after_word(at, "false") or after_word(at, "null") or reject("is not a value of JSON")
end

local function read_message(at, code, fields)
  if code ~= OPEN_OBJECT then
    reject("must be an object")
  end
  return read_members(at, fields)
end

for message, fields in pairs(FIELDS) do
  READERS[message] = function(at, code)
    return read_message(at, code, fields)
  end
end

-- The fields that an Any has in JSON, by the message that it holds: those of the message, or its form as `value`.
local PACKED = {}
for message, fields in pairs(FIELDS) do
  PACKED[message] = setmetatable({["@type"] = {"@type", "@type", kind = "string"}}, {__index = fields})
end
for message, form in pairs(FORMS) do
  PACKED[message] = {["@type"] = {"@type", "@type", kind = "string"}, value = {"value", "value", kind = form}}
end

-- Read twice, as its type may stand behind what depends on it.
function READERS.packed(at, code)
  local level = nesting + 1
  types[level] = nil
  local following = READERS.object(at, code)
  if types[level] == nil and next_token(at + 1) == following - 1 then
    return following -- {}, which holds nothing
  end
  local fields = PACKED[(types[level] or ""):match(TYPE_URL)]
  if fields == nil then
    reject('needs an "@type" that the contract knows')
  end
  return read_message(at, code, fields)
end

-- nil, or what is wrong with the body, beginning with the place.
local function problem_of(body, root)
  text, depth, nesting = body, 0, 0
  local is_good, problem = pcall(function()
    if root[1] ~= nil then
      enter(root[1])
    end
    local at, code = next_token(1)
    if code == NULL then
      reject("must not be null")
    end
    at = next_token(read_value(at, code, root))
    if at <= #text then
      depth = 0
      reject("something follows the JSON value")
    end
  end)
  text = nil
  return not is_good and problem or nil
end

function envoy_on_request(handle)
  local root = BODIES[handle:streamInfo():routeName()]
  if root == nil then
    return
  end
  local body = handle:body()
  local length = body ~= nil and body:length() or 0
  if length == 0 then
    return
  end
  local problem
  if not root then
    problem = {problem = "body: this call takes none"}
  else
    problem = problem_of(body:getBytes(0, length), root)
  end
  if type(problem) == "string" then
    handle:logErr("strict.lua: " .. problem)
    problem = {problem = "body: cannot be read"}
  end
  if problem ~= nil then
    handle:respond({[":status"] = "400"}, problem.problem)
  end
end
