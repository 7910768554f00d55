-- What the scripts of a real Neovim share: each runs in the folder of the programs that it is about.
local M = {}

vim.opt.runtimepath:prepend(vim.env.HOTSPLICE_NVIM_PLUGIN)
-- Where a distribution keeps the parsers of help and Markdown, if Neovim was moved.
vim.opt.runtimepath:append(vim.fs.normalize(vim.env.VIMRUNTIME .. '/../../../lib/nvim'))
vim.cmd.runtime({ 'plugin/hotsplice.lua', bang = true })
vim.o.swapfile = false
M.hotsplice = require('hotsplice')

function M.setup()
  M.hotsplice.setup({ cmd = { vim.env.HOTSPLICE_PROGRAM, 'lsp' } })
end

function M.wait(what, holds)
  if not vim.wait(40000, holds, 20) then
    error('waited in vain for ' .. what .. '\n' .. vim.inspect(M.hotsplice.status) .. '\n' .. vim.fn.execute('messages'))
  end
end

--- What the process of app.py has written last.
function M.answer()
  return vim.fn.filereadable('answer') == 1 and vim.fn.readfile('answer')[1] or nil
end

--- One after the other; each prints that it is done.
function M.run(names, step)
  for _, name in ipairs(names) do
    local succeeded, problem = pcall(step, name)
    io.stdout:write((succeeded and 'ok ' or 'FAILED ') .. name .. '\n')
    if not succeeded then
      io.stdout:write(tostring(problem) .. '\n')
      vim.cmd('cquit 1')
    end
  end
  vim.cmd('qall!')
end

--- By their names, in order.
function M.run_all(steps)
  local names = vim.tbl_keys(steps)
  table.sort(names)
  M.run(names, function(name)
    steps[name]()
  end)
end

return M
