--- Programs that nvim-dap launches register by themselves.
local M = {}

--- The variables by which a Python that is started with them registers.
local function environment()
  local result = vim.system({ require('hotsplice').program(), 'env', '--json' }, { text = true }):wait(5000)
  if result.code ~= 0 then
    vim.notify("Hotsplice: the debugged program can't be patched: " .. (result.stderr or ''), vim.log.levels.WARN)
    return {}
  end
  return vim.json.decode(result.stdout)
end

--- Adds them to a launch configuration of Python's.
function M.with_environment(config)
  if not vim.tbl_contains({ 'python', 'debugpy' }, config.type) or config.request ~= 'launch' then
    return config
  end
  config = vim.deepcopy(config)
  local env = config.env or {}
  for name, value in pairs(environment()) do
    if name == 'PYTHONPATH' and env.PYTHONPATH then
      value = value .. ':' .. env.PYTHONPATH
    end
    env[name] = value
  end
  config.env = env
  return config
end

--- Does nothing without nvim-dap.
function M.register()
  local found, dap = pcall(require, 'dap')
  if found and dap.listeners and dap.listeners.on_config then
    dap.listeners.on_config.hotsplice = M.with_environment
  end
end

return M
