-- Returns the function that runs files as one chunk, in their order, so that a script sees the local names of the tables
-- and scripts in front of it. Envoy itself takes a single file.
return function(...)
  local texts = {}
  for number, path in ipairs({...}) do
    local file = assert(io.open(path))
    texts[number] = file:read("*a")
    file:close()
  end
  local last = select(-1, ...)
  assert(loadstring(table.concat(texts, "\n"), "@" .. last))()
end
