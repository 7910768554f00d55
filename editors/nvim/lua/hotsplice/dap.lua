--- Programs that nvim-dap launches or attaches to register by themselves.
local M = {}

--- Whether a configuration is of Python's debugger, and what it wants: "launch" or "attach".
local function is(config, request)
  return vim.tbl_contains({ 'python', 'debugpy' }, config.type) and config.request == request
end

local function warn(problem)
  vim.schedule(function()
    vim.notify("Hotsplice: the debugged program can't be patched: " .. problem, vim.log.levels.WARN)
  end)
end

--- The variables by which a Python that is started with them registers.
local function environment()
  local result = vim.system({ require('hotsplice').program(), 'env', '--json' }, { text = true }):wait(5000)
  if result.code ~= 0 then
    warn(result.stderr or '')
    return {}
  end
  return vim.json.decode(result.stdout)
end

--- Adds them to a launch configuration of Python's.
function M.with_environment(config)
  if not is(config, 'launch') then
    return config
  end
  config = vim.deepcopy(config)
  local env = config.env or {}
  for name, value in pairs(environment()) do
    -- Nothing behind the separator would be the current folder.
    if name == 'PYTHONPATH' and (env.PYTHONPATH or '') ~= '' then
      value = value .. ':' .. env.PYTHONPATH
    end
    env[name] = value
  end
  config.env = env
  return config
end

--- Has the debugger evaluate one expression in a process that was running already.
function M.attach(session)
  if not is(session.config, 'attach') then
    return
  end
  vim.system({ require('hotsplice').program(), 'attach', '--expression' }, { text = true }, function(result)
    if result.code ~= 0 then
      return warn(result.stderr or '')
    end
    vim.schedule(function()
      session:request('evaluate', { expression = vim.trim(result.stdout), context = 'repl' }, function(failure)
        if failure then
          -- In a container or on another machine, say, where our files are not.
          warn(failure.message or vim.inspect(failure))
        end
      end)
    end)
  end)
end

--- After these a thread stands there no more.
local going_on = { 'continue', 'next', 'stepIn', 'stepOut', 'stepBack', 'reverseContinue', 'goto', 'restartFrame' }

--- Frames of stopped threads that run old code are marked.
local function mark_stale(listeners)
  local stale = require('hotsplice.stale')
  listeners.after.stackTrace.hotsplice = function(session, failure, response, request)
    if failure or not response or not request then
      return
    end
    local frames = {}
    for _, frame in ipairs(response.stackFrames or {}) do
      if frame.source and frame.source.path then
        table.insert(frames, { path = frame.source.path, line = frame.line })
      end
    end
    local thread = (session.threads or {})[request.threadId]
    local name = thread and thread.name ~= 'Unknown' and thread.name or nil
    stale.stopped(session.id, request.threadId, { thread = name, frames = frames })
  end
  for _, command in ipairs(going_on) do
    listeners.before[command].hotsplice = function(session, failure, _, request)
      if not failure then
        stale.goes_on(session.id, (request or {}).threadId)
      end
    end
  end
  listeners.before.event_continued.hotsplice = function(session, event)
    stale.goes_on(session.id, event.allThreadsContinued == false and event.threadId or nil)
  end
  for _, ending in ipairs({ 'event_terminated', 'event_exited', 'disconnect', 'terminate' }) do
    listeners.before[ending].hotsplice = function(session)
      stale.goes_on(session.id)
    end
  end
end

--- Does nothing without nvim-dap.
function M.register()
  local found, dap = pcall(require, 'dap')
  if found and dap.listeners and dap.listeners.after then
    mark_stale(dap.listeners)
  end
  if found and dap.listeners and dap.listeners.on_config then
    dap.listeners.on_config.hotsplice = M.with_environment
    -- From then on the program runs, and takes expressions.
    dap.listeners.after.configurationDone.hotsplice = function(session, failure)
      if not failure then
        M.attach(session)
      end
    end
  end
end

return M
