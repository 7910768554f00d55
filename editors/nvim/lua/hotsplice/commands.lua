--- `:Hotsplice …`
local M = {}

local hotsplice = require('hotsplice')

local function execute(command, arguments, answer)
  hotsplice.request('workspace/executeCommand', { command = command, arguments = { arguments } }, function(result)
    -- What can't be done the server shows by itself.
    if answer and type(result) == 'table' then
      answer(result)
    end
  end, vim.api.nvim_get_current_buf())
end

local function uri()
  return vim.uri_from_bufnr(0)
end

local function lines_of_session(session)
  local lines = { session.name, '  in ' .. session.cwd .. ', Python ' .. session.python }
  for _, file in ipairs(session.files or {}) do
    for _, patched in ipairs(file.functions) do
      local ran = patched.ran == true and ', has run since' or patched.ran == false and ', not called since' or ''
      local place = vim.fn.fnamemodify(vim.uri_to_fname(file.uri), ':.') .. ':' .. patched.line + 1
      table.insert(lines, ('  ● %s v%d%s   %s'):format(patched.name, patched.version, ran, place))
    end
  end
  return lines
end

local function show(lines)
  vim.api.nvim_echo({ { table.concat(lines, '\n') } }, true, {})
end

local function lines_of_hold(hold)
  local place = vim.fn.fnamemodify(hold.path, ':.') .. ':' .. hold.line + 1
  local lines = { ('■ %s %s: %s'):format(hold.hold, place, hold.message) }
  local names = vim.tbl_keys(hold.variables)
  table.sort(names)
  for _, name in ipairs(names) do
    table.insert(lines, ('    %s = %s'):format(name, hold.variables[name]))
  end
  return lines
end

--- Which call is meant: one by its name, else what is held at the cursor, or the only one.
local function meant(hold)
  local line = vim.api.nvim_win_get_cursor(0)[1] - 1
  return { hold = hold, uri = uri(), position = { line = line, character = 0 } }
end

--- Whether a word is the name of a call that is held.
local function is_hold(word)
  return vim.iter(hotsplice.status.holds):any(function(hold)
    return hold.hold == word
  end)
end

--- Asks for an expression where none is given.
--- @param which { hold?: string, function?: string, uri?: string, position?: lsp.Position }
--- @param expression? string
function M.return_value(which, expression)
  local answer = function(given)
    if given and vim.trim(given) ~= '' then
      execute('hotsplice.return', { hold = which.hold, uri = which.uri, position = which.position, expression = given })
    end
  end
  if expression then
    answer(expression)
  else
    vim.ui.input({ prompt = 'What ' .. (which['function'] or 'the call') .. ' returns: ' }, answer)
  end
end

--- pdb in a terminal of its own; the call is answered afterwards, or meanwhile.
local function debug_in_terminal(hold)
  vim.cmd('botright new')
  local command = { hotsplice.program(), 'debug', '--pdb', hold }
  if vim.fn.has('nvim-0.11') == 1 then
    vim.fn.jobstart(command, { term = true })
  else
    vim.fn.termopen(command)
  end
  vim.cmd.startinsert()
end

--- A debugger where a call failed: the one that is attached; else nvim-dap, for which debugpy listens in the process; else pdb.
--- @param which { hold?: string, uri?: string, position?: lsp.Position }
function M.debug(which)
  local is_there, dap = pcall(require, 'dap')
  local adapter = is_there and (dap.adapters.debugpy and 'debugpy' or dap.adapters.python and 'python') or nil
  local wanted = vim.tbl_extend('force', which, { listen = adapter ~= nil })
  execute('hotsplice.debug', wanted, function(told)
    if told.by == 'listening' and adapter then
      local connect = { host = told.host, port = told.port }
      dap.run({ type = adapter, request = 'attach', name = told['function'] .. ' is held', connect = connect })
    elseif told.by == 'none' then
      if adapter then
        vim.notify(told.message, vim.log.levels.WARN)
      end
      debug_in_terminal(told.hold)
    end
  end)
end

local how_to = {
  'A process can be patched once it is registered. To start one so:',
  '  hotsplice run app.py',
  '  hotsplice run -m flask --app shop run',
  '  hotsplice run -- any command (every Python that it starts is registered)',
  'or call hotsplice.listen() in the program. Sessions of nvim-dap register by themselves.',
  'One that runs already: :Hotsplice attach',
}

local function run(words, answer)
  local command = vim.list_extend({ hotsplice.program() }, words)
  vim.system(command, { text = true }, vim.schedule_wrap(function(result)
    if result.code ~= 0 then
      return vim.notify(vim.trim(result.stderr), vim.log.levels.ERROR)
    end
    answer(vim.trim(result.stdout))
  end))
end

local function attach(pid)
  run({ 'attach', tostring(pid) }, vim.notify)
end

--- A list of the processes that run already; where there is none, how to start one.
local function choose_process()
  run({ 'attach', '--list', '--json' }, function(printed)
    local processes = vim.json.decode(printed, { luanil = { object = true } })
    if #processes == 0 then
      return show(how_to)
    end
    local function words(process)
      local obstacle = process.obstacle and ' (' .. process.obstacle .. ')' or ''
      return ('%s · pid %d · %s%s'):format(table.concat(process.command, ' '), process.pid, process.cwd, obstacle)
    end
    vim.ui.select(processes, { prompt = 'Attach to a process', format_item = words }, function(process)
      if process then
        attach(process.pid)
      end
    end)
  end)
end

local commands = {
  patch = function()
    local line = vim.api.nvim_win_get_cursor(0)[1] - 1
    execute('hotsplice.patchFunction', { uri = uri(), position = { line = line, character = 0 } })
  end,
  file = function()
    execute('hotsplice.patchFile', { uri = uri() })
  end,
  all = function()
    execute('hotsplice.patchEdited', vim.empty_dict())
  end,
  why = function()
    execute('hotsplice.whyNot', { uri = uri() })
  end,
  ['restart-frame'] = function()
    local is_there, dap = pcall(require, 'dap')
    local session = is_there and dap.session()
    local frame = session and session.current_frame
    -- Without nvim-dap, the frame that a debugger stands in.
    local arguments = frame and { name = frame.name, line = frame.line, path = frame.source and frame.source.path }
    execute('hotsplice.restartFrame', arguments or vim.empty_dict())
  end,
  undo = function()
    execute('hotsplice.undo', { uri = uri() })
  end,
  sessions = function()
    execute('hotsplice.sessions', vim.empty_dict(), function(sessions)
      local lines = {}
      for _, session in ipairs(sessions) do
        vim.list_extend(lines, lines_of_session(session))
      end
      show(#lines > 0 and lines or how_to)
    end)
  end,
  attach = function(pid)
    if pid then
      attach(pid)
    else
      choose_process()
    end
  end,
  save = function(value)
    local values = { on = 'manual', off = 'never' }
    if value and not values[value] then
      vim.notify('Hotsplice: save takes on or off', vim.log.levels.ERROR)
      return
    end
    if value then
      hotsplice.set({ patchOnSave = values[value] })
    end
    show({ 'Patch on save: ' .. (values[value] or hotsplice.status.patchOnSave) })
  end,
  guard = function()
    local line = vim.api.nvim_win_get_cursor(0)[1] - 1
    execute('hotsplice.guard', { uri = uri(), position = { line = line, character = 0 } })
  end,
  holds = function()
    local lines = {}
    for _, hold in ipairs(hotsplice.status.holds) do
      vim.list_extend(lines, lines_of_hold(hold))
    end
    show(#lines > 0 and lines or { 'No call is held' })
  end,
  retry = function(hold)
    execute('hotsplice.retry', meant(hold))
  end,
  ['return'] = function(...)
    local words = { ... }
    if #hotsplice.status.holds == 0 then
      return show({ 'No call is held' })
    end
    local hold = is_hold(words[1]) and table.remove(words, 1) or nil
    M.return_value(meant(hold), #words > 0 and table.concat(words, ' ') or nil)
  end,
  raise = function(hold)
    execute('hotsplice.raise', meant(hold))
  end,
  debug = function(hold)
    M.debug(meant(hold))
  end,
  status = function()
    local trouble = hotsplice.status.trouble
    if type(trouble) ~= 'string' and not hotsplice.client() then
      trouble = hotsplice.why_none()
    end
    local lines = type(trouble) == 'string' and { trouble } or {
      ('%d %s can be patched; patch on save: %s'):format(
        #hotsplice.status.sessions,
        #hotsplice.status.sessions == 1 and 'process' or 'processes',
        hotsplice.status.patchOnSave
      ),
    }
    for _, session in ipairs(hotsplice.status.sessions) do
      vim.list_extend(lines, lines_of_session(session))
    end
    for _, verdict in ipairs(hotsplice.status.verdicts) do
      local place = vim.fn.fnamemodify(vim.uri_to_fname(verdict.uri), ':.') .. ':' .. verdict.line
      table.insert(lines, ('%s %s %s: %s'):format(place, verdict.code or '', verdict.definition, verdict.message or ''))
    end
    show(lines)
  end,
  log = function()
    local path = vim.lsp.log and vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path()
    vim.cmd.tabedit(vim.fn.fnameescape(path))
  end,
}

function M.run(words)
  local name = words[1] or 'status'
  if not commands[name] then
    vim.notify('Hotsplice: there is no command ' .. name .. '; see :help hotsplice-commands', vim.log.levels.ERROR)
    return
  end
  commands[name](unpack(words, 2))
end

function M.complete(lead, line)
  local words = vim.split(vim.trim(line), '%s+')
  local second = #words > 2 or (#words == 2 and lead == '')
  local candidates = vim.tbl_keys(commands)
  if second then
    candidates = {}
    if words[2] == 'save' then
      candidates = { 'on', 'off' }
    elseif vim.tbl_contains({ 'retry', 'return', 'raise', 'debug' }, words[2]) then
      for _, hold in ipairs(hotsplice.status.holds) do
        table.insert(candidates, hold.hold)
      end
    end
  end
  table.sort(candidates)
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

return M
