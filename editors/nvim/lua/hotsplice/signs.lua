--- Signs and virtual text: the server's code lenses, drawn at the end of their lines.
local M = {}

local namespace = vim.api.nvim_create_namespace('hotsplice')
local flashing = vim.api.nvim_create_namespace('hotsplice-flash')
local FLASH, QUIET = 500, 200

vim.api.nvim_set_hl(0, 'HotspliceLive', { link = 'DiagnosticOk', default = true })
vim.api.nvim_set_hl(0, 'HotspliceEdited', { link = 'DiagnosticHint', default = true })
vim.api.nvim_set_hl(0, 'HotspliceRefused', { link = 'DiagnosticError', default = true })
vim.api.nvim_set_hl(0, 'HotspliceRunning', { link = 'DiagnosticInfo', default = true })
vim.api.nvim_set_hl(0, 'HotspliceHeld', { link = 'DiagnosticError', default = true })
vim.api.nvim_set_hl(0, 'HotspliceFlash', { link = 'IncSearch', default = true })

--- The most urgent last: it gives the line its sign.
local kinds = {
  live = { urgency = 1, sign = '●', highlight = 'HotspliceLive' },
  running = { urgency = 2, sign = '…', highlight = 'HotspliceRunning' },
  edited = { urgency = 3, sign = '○', highlight = 'HotspliceEdited' },
  held = { urgency = 5, sign = '■', highlight = 'HotspliceHeld' },
  refused = { urgency = 4, sign = '▲', highlight = 'HotspliceRefused' },
}

--- Whether a sign moves no text: where its column comes and goes with signs, the end of the line says it all.
local function has_room(buffer)
  return vim.iter(vim.fn.win_findbuf(buffer)):all(function(window)
    local column = vim.wo[window].signcolumn
    return vim.startswith(column, 'yes') or (column == 'number' and vim.wo[window].number)
  end)
end

local function draw(buffer, lenses)
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  local lines, with_signs = {}, has_room(buffer)
  for _, lens in ipairs(lenses or {}) do
    local line = lens.range.start.line
    -- Others are only there to be chosen.
    if kinds[lens.data.kind] then
      lines[line] = lines[line] or {}
      table.insert(lines[line], lens.data)
    end
  end
  for line, marks in pairs(lines) do
    local urgent, text = kinds.live, {}
    for _, mark in ipairs(marks) do
      local kind = kinds[mark.kind]
      urgent = kind.urgency > urgent.urgency and kind or urgent
      table.insert(text, { '  ' .. mark.text, kind.highlight })
    end
    -- The text may be shorter by now; the next answer puts that right.
    pcall(vim.api.nvim_buf_set_extmark, buffer, namespace, line, 0, {
      sign_text = with_signs and urgent.sign or nil,
      sign_hl_group = with_signs and urgent.highlight or nil,
      virt_text = text,
      hl_mode = 'combine',
    })
  end
end

local function ask(buffer)
  local hotsplice = require('hotsplice')
  if not hotsplice.client(buffer) then
    vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
    return
  end
  local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
  hotsplice.request('textDocument/codeLens', params, function(lenses)
    if vim.api.nvim_buf_is_valid(buffer) then
      draw(buffer, lenses)
    end
  end, buffer)
end

local attached = {}

--- Draws a buffer anew whenever it is edited.
function M.attach(_, buffer)
  if attached[buffer] then
    return
  end
  attached[buffer] = assert(vim.uv.new_timer())
  local group = vim.api.nvim_create_augroup('hotsplice-' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'TextChanged', 'TextChangedI', 'InsertLeave' }, {
    group = group,
    buffer = buffer,
    callback = function()
      attached[buffer]:start(QUIET, 0, vim.schedule_wrap(function()
        if vim.api.nvim_buf_is_valid(buffer) then
          ask(buffer)
        end
      end))
    end,
  })
  vim.api.nvim_create_autocmd('BufUnload', {
    group = group,
    buffer = buffer,
    callback = function()
      attached[buffer]:close()
      attached[buffer] = nil
      vim.api.nvim_del_augroup_by_id(group)
    end,
  })
  ask(buffer)
end

--- Draws every buffer anew.
function M.refresh()
  for buffer in pairs(attached) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      ask(buffer)
    end
  end
end

--- New code went live: one line of message, and its lines light up once.
--- @param patched hotsplice.Patched
--- @param flash boolean
function M.patched(patched, flash)
  vim.api.nvim_echo({ { '⚡ ' .. patched.message } }, false, {})
  for _, file in ipairs(flash and patched.files or {}) do
    local buffer = vim.fn.bufnr(vim.uri_to_fname(file.uri))
    if buffer ~= -1 and vim.api.nvim_buf_is_loaded(buffer) then
      M.flash(buffer, file.ranges)
    end
  end
end

--- @param buffer integer
--- @param ranges lsp.Range[]
function M.flash(buffer, ranges)
  local last = vim.api.nvim_buf_line_count(buffer)
  for _, range in ipairs(ranges) do
    vim.api.nvim_buf_set_extmark(buffer, flashing, math.min(range.start.line, last - 1), 0, {
      end_row = math.min(range['end'].line, last),
      hl_group = 'HotspliceFlash',
      hl_eol = true,
      strict = false,
    })
  end
  vim.defer_fn(function()
    if vim.api.nvim_buf_is_valid(buffer) then
      vim.api.nvim_buf_clear_namespace(buffer, flashing, 0, -1)
    end
  end, FLASH)
end

return M
