-- The plugin without its setup(): by vim.lsp.enable() where Neovim has it, else by start() in the buffer. Run by
-- tests/tests/editors.rs in the folder of app.py.

local common = dofile(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/common.lua')
local hotsplice, wait = common.hotsplice, common.wait
vim.cmd('filetype on')
-- Without a server it is said why there is none.
assert(hotsplice.why_none():find('starts with the first Python file', 1, true), hotsplice.why_none())
local path = vim.env.PATH
vim.env.PATH = '/nowhere'
assert(hotsplice.why_none():find('is not on the path', 1, true), hotsplice.why_none())
vim.env.PATH = path
if vim.lsp.enable then
  vim.lsp.enable('hotsplice')
end
vim.cmd.edit('app.py')
if not vim.lsp.enable then
  hotsplice.start(0)
end

common.run({ '1 it runs without setup()' }, function()
  wait('the session', function()
    return #hotsplice.status.sessions == 1
  end)
  vim.fn.setline(4, "    return 'enabled'")
  vim.api.nvim_win_set_cursor(0, { 4, 0 })
  vim.cmd('Hotsplice patch')
  wait('the new answer', function()
    return common.answer() == 'enabled'
  end)
  wait('its sign', function()
    local namespace = vim.api.nvim_get_namespaces().hotsplice
    return namespace and #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, {}) == 1
  end)
end)
