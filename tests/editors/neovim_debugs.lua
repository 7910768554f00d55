-- The line of a stopped frame that runs old code: run by tests/tests/editors.rs in the folder of app.py, whose `answer` waits in a read
-- until its process is sent a line. With HOTSPLICE_NVIM_DAP, a checkout of nvim-dap, that and the real debugpy tell of the frame, else
-- what nvim-dap's listeners are given is given here.

local common = dofile(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/common.lua')
local hotsplice, wait = common.hotsplice, common.wait
local LINE = 4
local real = vim.env.HOTSPLICE_NVIM_DAP

local function listeners()
  return setmetatable({}, {
    __index = function(all, name)
      all[name] = {}
      return all[name]
    end,
  })
end

if real then
  vim.opt.runtimepath:prepend(real)
else
  package.loaded.dap = { listeners = { before = listeners(), after = listeners(), on_config = {}, on_session = {} } }
end
local dap = require('dap')
common.setup()

local session = { id = 1, threads = { [1] = { id = 1, name = 'MainThread' } }, config = {} }

local function stop()
  if real then
    dap.adapters.python = { type = 'executable', command = vim.env.HOTSPLICE_TEST_PYTHON, args = { '-m', 'debugpy.adapter' } }
    vim.api.nvim_win_set_cursor(0, { LINE, 0 })
    dap.set_breakpoint()
    local program = vim.fs.joinpath(vim.fn.getcwd(), 'app.py')
    dap.run({ type = 'python', request = 'launch', name = 'app', program = program, console = 'internalConsole' })
    return
  end
  local frame = { id = 1, name = 'answer', line = LINE, source = { path = vim.fs.joinpath(vim.fn.getcwd(), 'app.py') } }
  dap.listeners.after.stackTrace.hotsplice(session, nil, { stackFrames = { frame } }, { threadId = 1 })
end

local function go_on()
  if real then
    dap.continue()
  else
    dap.listeners.before.continue.hotsplice(session, nil, {}, { threadId = 1 })
  end
end

--- The marks of the buffer: line and text.
local function marks()
  local namespace = vim.api.nvim_get_namespaces()['hotsplice-stale']
  return vim.tbl_map(function(mark)
    return (mark[2] + 1) .. mark[4].virt_text[1][1]
  end, vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true }))
end

common.run_all({
  ['1 a frame that runs what is live has no mark'] = function()
    vim.cmd.edit('app.py')
    if real then
      stop()
    end
    wait('the session', function()
      return #hotsplice.status.sessions == 1
    end)
    if real then
      wait('the frame', function()
        return dap.session() ~= nil and dap.session().current_frame ~= nil
      end)
    else
      stop()
    end
    assert(#marks() == 0, vim.inspect(marks()))
  end,
  ['2 it is marked as soon as it runs old code'] = function()
    vim.fn.setline(LINE, '    line = sys.stdin.readline() * 2')
    vim.cmd('Hotsplice file')
    wait('the mark', function()
      return #marks() == 1
    end)
    assert(vim.startswith(marks()[1], LINE .. '  ⧖ stale: this call runs answer as it was loaded'), marks()[1])
  end,
  ['3 a buffer that is read later has it, too'] = function()
    vim.cmd('edit!')
    wait('the mark', function()
      return #marks() == 1
    end)
  end,
  ['4 it goes when the call goes on'] = function()
    go_on()
    wait('the end of the mark', function()
      return #marks() == 0
    end)
  end,
})
