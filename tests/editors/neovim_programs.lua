-- How a user of Neovim mends programs whose calls are held: run by tests/tests/failed_programs.rs in their folder. What is wrong in
-- each is `/ 0`.

local common = dofile(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/common.lua')
local hotsplice, wait = common.hotsplice, common.wait
common.setup()
vim.o.hidden = true

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

common.run(vim.split(vim.env.HOTSPLICE_TEST_PROGRAMS, ' '), mend)
