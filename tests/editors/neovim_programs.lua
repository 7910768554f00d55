-- How a user of Neovim mends programs whose calls are held: run by tests/tests/failed_programs.rs in their folder. What is wrong in
-- each is `/ 0`.

vim.opt.runtimepath:prepend(vim.env.HOTSPLICE_NVIM_PLUGIN)
vim.cmd.runtime({ 'plugin/hotsplice.lua', bang = true })
vim.o.swapfile = false
vim.o.hidden = true
local hotsplice = require('hotsplice')
hotsplice.setup({ cmd = { vim.env.HOTSPLICE_PROGRAM, 'lsp' } })

local function wait(what, holds)
  if not vim.wait(40000, holds, 20) then
    error('waited in vain for ' .. what .. '\n' .. vim.inspect(hotsplice.status) .. '\n' .. vim.fn.execute('messages'))
  end
end

--- What is held in the buffer's file, if anything.
local function held(file)
  return vim.iter(hotsplice.status.holds):find(function(hold)
    return vim.fs.basename(hold.path) == file
  end)
end

local function is_wrong()
  return vim.fn.search(' / 0', 'nw') > 0
end

local function mend(file)
  vim.cmd.edit(file)
  local last
  while is_wrong() do
    wait('a call of ' .. file .. ' that is held', function()
      local hold = held(file)
      return hold ~= nil and hold.hold ~= last
    end)
    local hold = held(file)
    last = hold.hold
    wait('the diagnostic', function()
      return vim.iter(vim.diagnostic.get(0)):any(function(found)
        return found.code == 'HS0025' and found.lnum == hold.line
      end)
    end)
    -- As one types it: the line that failed, and nothing is saved.
    vim.api.nvim_win_set_cursor(0, { hold.line + 1, 0 })
    vim.cmd('substitute@ / 0@ / 1@')
    vim.cmd('Hotsplice retry')
    wait('the end of the hold', function()
      local now = held(file)
      return now == nil or now.hold ~= last
    end)
  end
end

for _, file in ipairs(vim.split(vim.env.HOTSPLICE_TEST_PROGRAMS, ' ')) do
  local succeeded, problem = pcall(mend, file)
  io.stdout:write((succeeded and 'ok ' or 'FAILED ') .. file .. '\n')
  if not succeeded then
    io.stdout:write(tostring(problem) .. '\n')
    vim.cmd('cquit 1')
  end
end
vim.cmd('qall!')
