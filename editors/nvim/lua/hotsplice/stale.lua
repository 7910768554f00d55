--- The line that a debugger shows of a frame in old code is marked: the buffer shows another text than the one that runs there.
--- Which frames there are the debugger tells; which of them run old code is the server's to say.
local M = {}

local namespace = vim.api.nvim_create_namespace('hotsplice-stale')

vim.api.nvim_set_hl(0, 'HotspliceStale', { link = 'DiagnosticWarn', default = true })
vim.api.nvim_set_hl(0, 'HotspliceStaleLine', { link = 'DiagnosticUnnecessary', default = true })

--- @class hotsplice.Stop
--- @field thread? string Its name.
--- @field frames { path: string, line: integer }[]
--- @field told table<integer, string> What the server said of each frame in old code.

--- By debug session, then by thread.
--- @type table<any, table<any, hotsplice.Stop>>
local stops = {}

local function stops_of_all()
  return vim.iter(vim.tbl_values(stops)):map(vim.tbl_values):flatten():totable()
end

local function mark(buffer, line, text)
  -- It may be a line of a longer text than the buffer has now.
  pcall(vim.api.nvim_buf_set_extmark, buffer, namespace, line - 1, 0, {
    end_row = line,
    hl_group = 'HotspliceStaleLine',
    hl_eol = true,
    virt_text = { { '  ⧖ ' .. text, 'HotspliceStale' } },
    hl_mode = 'combine',
    strict = false,
    priority = 300,
  })
end

--- Draws what is known in every buffer.
function M.draw()
  local buffers = {}
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
      buffers[vim.fs.normalize(vim.api.nvim_buf_get_name(buffer))] = buffer
    end
  end
  for _, stop in ipairs(stops_of_all()) do
    for index, text in pairs(stop.told) do
      local frame = stop.frames[index]
      local buffer = buffers[vim.fs.normalize(frame.path)]
      if buffer then
        mark(buffer, frame.line, text)
      end
    end
  end
end

local function ask(stop)
  local hotsplice = require('hotsplice')
  if #stop.frames == 0 or not hotsplice.client() then
    return
  end
  local arguments = { frames = stop.frames, thread = stop.thread }
  hotsplice.request('workspace/executeCommand', { command = 'hotsplice.oldFrames', arguments = { arguments } }, function(told)
    stop.told = {}
    for index, text in pairs(type(told) == 'table' and told or {}) do
      stop.told[index] = type(text) == 'string' and text or nil
    end
    M.draw()
  end)
end

--- Asks again: something may have gone live, or calls may have ended.
function M.refresh()
  for _, stop in ipairs(stops_of_all()) do
    ask(stop)
  end
end

--- A thread of a debug session has stopped; its frames, the innermost first.
--- @param session any
--- @param thread any
--- @param stop { thread?: string, frames: { path: string, line: integer }[] }
function M.stopped(session, thread, stop)
  stops[session] = stops[session] or {}
  stops[session][thread] = { thread = stop.thread, frames = stop.frames, told = {} }
  ask(stops[session][thread])
end

--- A thread goes on; without one, all of the session.
function M.goes_on(session, thread)
  if not stops[session] then
    return
  end
  if thread == nil then
    stops[session] = nil
  else
    stops[session][thread] = nil
  end
  M.draw()
end

vim.api.nvim_create_autocmd('BufReadPost', {
  group = vim.api.nvim_create_augroup('hotsplice-stale', {}),
  callback = function()
    if next(stops) then
      M.draw()
    end
  end,
})

return M
