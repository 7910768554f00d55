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

--- Does nothing without nvim-dap.
function M.register()
  local found, dap = pcall(require, 'dap')
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
