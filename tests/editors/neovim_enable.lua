-- The plugin without its setup(): by vim.lsp.enable() where Neovim has it, else by start() in the buffer. Run by
-- tests/tests/editors.rs in the folder of app.py.

vim.opt.runtimepath:prepend(vim.env.HOTSPLICE_NVIM_PLUGIN)
vim.cmd.runtime({ 'plugin/hotsplice.lua', bang = true })
vim.cmd('filetype on')
vim.o.swapfile = false
local hotsplice = require('hotsplice')
if vim.lsp.enable then
  vim.lsp.enable('hotsplice')
end
vim.cmd.edit('app.py')
if not vim.lsp.enable then
  hotsplice.start(0)
end

local function wait(what, holds)
  if not vim.wait(30000, holds, 20) then
    io.stdout:write('FAILED: waited in vain for ' .. what .. '\n' .. vim.fn.execute('messages') .. '\n')
    vim.cmd('cquit 1')
  end
end

wait('the session', function()
  return #hotsplice.status.sessions == 1
end)
vim.fn.setline(4, "    return 'enabled'")
vim.api.nvim_win_set_cursor(0, { 4, 0 })
vim.cmd('Hotsplice patch')
wait('the new answer', function()
  return vim.fn.readfile('answer')[1] == 'enabled'
end)
wait('its sign', function()
  local namespace = vim.api.nvim_get_namespaces().hotsplice
  return namespace and #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, {}) == 1
end)
io.stdout:write('ok 1 it runs without setup()\n')
vim.cmd('qall!')
