--- `:checkhealth hotsplice`
local M = {}

function M.check()
  local hotsplice = require('hotsplice')
  vim.health.start('hotsplice')
  if vim.fn.has('nvim-0.10') == 1 then
    vim.health.ok('Neovim ' .. tostring(vim.version()))
  else
    vim.health.error('Neovim 0.10 or later is needed')
  end
  local program = hotsplice.program()
  if vim.fn.executable(program) == 1 then
    local version = vim.system({ program, '--version' }, { text = true }):wait(5000)
    vim.health.ok(vim.fn.exepath(program) .. ': ' .. vim.trim(version.stdout or ''))
  else
    vim.health.error(program .. ' is not on the path', { 'pip install the wheel of hotsplice', 'or set cmd: :help hotsplice-setup' })
  end
  if hotsplice.client() then
    vim.health.ok('the server runs')
  else
    vim.health.info('the server does not run: it starts with the first Python file')
  end
  local sessions = hotsplice.status.sessions
  if #sessions == 0 then
    vim.health.info('no process can be patched now: start one with `hotsplice run app.py`')
  end
  for _, session in ipairs(sessions) do
    vim.health.ok(session.name)
  end
  if pcall(require, 'dap') then
    vim.health.ok('programs launched by nvim-dap can be patched')
  else
    vim.health.info('nvim-dap is not installed: it is not needed')
  end
end

return M
