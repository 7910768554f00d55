-- What a user of Neovim does, in a real one: run by tests/tests/editors.rs in the folder of app.py, whose process writes
-- what greet() gives into the file `answer`.

local common = dofile(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/common.lua')
local hotsplice, wait, answer = common.hotsplice, common.wait, common.answer
common.setup()
vim.o.signcolumn = 'yes'

local function signs()
  local namespace = vim.api.nvim_get_namespaces().hotsplice
  local shown = {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
    local text = table.concat(vim.tbl_map(function(part)
      return part[1]
    end, mark[4].virt_text))
    table.insert(shown, mark[2] + 1 .. vim.trim(mark[4].sign_text or '') .. text)
  end
  return table.concat(shown, '\n')
end

local function shows(part)
  return function()
    return signs():find(part, 1, true) ~= nil
  end
end

local steps = {
  ['1 a process is found'] = function()
    vim.cmd.edit('app.py')
    wait('the session', function()
      return #hotsplice.status.sessions == 1
    end)
    assert(hotsplice.statusline() == '⚡1', hotsplice.statusline())
  end,
  ['2 an edited function is patched without being saved'] = function()
    vim.fn.setline(4, "    return 'welcome'")
    vim.api.nvim_exec_autocmds('TextChanged', { buffer = 0 })
    wait('its sign', shows('3○  ○ edited'))
    vim.api.nvim_win_set_cursor(0, { 4, 4 })
    vim.cmd('Hotsplice patch')
    wait('the new answer', function()
      return answer() == 'welcome'
    end)
    wait('its sign', shows('3●  ● live v1 · 1 process'))
    assert(vim.bo.modified)
  end,
  ['3 a code action does it too, and a hover tells'] = function()
    vim.fn.setline(4, "    return 'again'")
    vim.lsp.buf.code_action({
      apply = true,
      filter = function(action)
        return action.title == 'Hot-patch function `greet`'
      end,
    })
    wait('the new answer', function()
      return answer() == 'again'
    end)
    local params = { textDocument = vim.lsp.util.make_text_document_params(0), position = { line = 2, character = 5 } }
    local shown = ''
    wait('the hover', function()
      hotsplice.request('textDocument/hover', params, function(hover)
        shown = hover.contents.value
      end, 0)
      return shown:find('live v2', 1, true) ~= nil
    end)
  end,
  ['4 undo goes back'] = function()
    vim.cmd('Hotsplice undo')
    wait('the former answer', function()
      return answer() == 'welcome'
    end)
  end,
  ['5 a refusal is a diagnostic and a sign'] = function()
    vim.fn.setline(3, 'def greet(when=1 / 0):')
    vim.cmd('Hotsplice file')
    wait('the diagnostic', function()
      local found = vim.diagnostic.get(0)[1]
      return found and found.code == 'HS0103' and found.lnum == 2
    end)
    wait('its sign', shows('3▲'))
    wait('its number in the statusline', function()
      return hotsplice.statusline():find('▲1', 1, true) ~= nil
    end)
    vim.api.nvim_win_set_cursor(0, { 3, 0 })
    vim.lsp.buf.code_action({
      apply = true,
      filter = function(action)
        return action.title == 'Explain HS0103'
      end,
    })
    wait('the explanation', function()
      return vim.fn.expand('%:t') == 'HS0103.md'
    end)
    vim.cmd('bwipeout')
    vim.cmd.buffer('app.py')
    vim.fn.setline(3, 'def greet():')
    wait('its end', function()
      return #vim.diagnostic.get(0) == 0
    end)
  end,
  ['6 patch on save'] = function()
    vim.cmd('Hotsplice save on')
    wait('the setting', function()
      return hotsplice.status.patchOnSave == 'manual'
    end)
    vim.fn.setline(4, "    return 'saved'")
    vim.cmd('silent write')
    wait('the new answer', function()
      return answer() == 'saved'
    end)
    vim.cmd('Hotsplice save off')
  end,
  ['7 help, health and completion'] = function()
    vim.cmd('helptags ' .. vim.env.HOTSPLICE_NVIM_PLUGIN .. '/doc')
    vim.cmd('help hotsplice-setup')
    assert(vim.bo.buftype == 'help')
    vim.cmd('bwipeout')
    vim.cmd('checkhealth hotsplice')
    local health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
    assert(health:find('the server runs', 1, true) and health:find('app.py · pid', 1, true), health)
    vim.cmd('bwipeout')
    assert(vim.deep_equal(vim.fn.getcompletion('Hotsplice sa', 'cmdline'), { 'save' }))
    assert(vim.deep_equal(vim.fn.getcompletion('Hotsplice save o', 'cmdline'), { 'off', 'on' }))
    for _, name in ipairs({ 'sessions', 'status' }) do
      vim.cmd('silent Hotsplice ' .. name)
    end
    wait('the list of sessions', function()
      return vim.fn.execute('messages'):find('● greet v', 1, true) ~= nil
    end)
  end,
  ['8 programs of nvim-dap register'] = function()
    local config = require('hotsplice.dap').with_environment({ type = 'python', request = 'launch', env = { PYTHONPATH = '/mine' } })
    assert(config.env.PYTHONPATH:find('_bootstrap:/mine', 1, true), vim.inspect(config))
    local attach = { type = 'python', request = 'attach' }
    assert(vim.deep_equal(require('hotsplice.dap').with_environment(attach), attach))
    local asked
    require('hotsplice.dap').attach({
      config = attach,
      request = function(_, command, arguments)
        asked = command .. ' ' .. arguments.expression
      end,
    })
    wait('the expression', function()
      return asked and asked:find('^evaluate __import__.*_attach.py') ~= nil
    end)
    local child = vim.system({ vim.env.HOTSPLICE_TEST_PYTHON, '-c', 'import time; time.sleep(600)', 'of a test' })
    local offered
    vim.ui.select = function(processes, how, choose)
      offered = vim.tbl_map(how.format_item, processes)
      choose()
    end
    wait('the list of processes', function()
      -- It may not be a Python yet.
      vim.cmd('silent Hotsplice attach')
      vim.wait(500, function()
        return offered ~= nil
      end, 20)
      return vim.iter(offered or {}):any(function(line)
        return line:find('time.sleep(600) of a test · pid ' .. child.pid, 1, true) ~= nil
      end)
    end)
    child:kill('sigkill')
    config = require('hotsplice.dap').with_environment({ type = 'python', request = 'launch', env = { PYTHONPATH = '' } })
    assert(not vim.endswith(config.env.PYTHONPATH, ':'), vim.inspect(config))
    -- A process that is no Python says so.
    vim.cmd('silent Hotsplice attach ' .. vim.uv.os_getpid())
    wait('the refusal', function()
      return vim.fn.execute('messages'):find('HS0015', 1, true) ~= nil
    end)
  end,
  ['9 what is said moves no text'] = function()
    vim.cmd.edit('app.py')
    vim.o.signcolumn = 'auto'
    local function column()
      vim.cmd.redraw()
      return vim.fn.getwininfo(vim.api.nvim_get_current_win())[1].textoff
    end
    hotsplice.refresh()
    wait('what is live', shows('● live'))
    wait('the end of the signs', function()
      return column() == 0
    end)
    vim.fn.setline(4, "    return 'calm'")
    vim.api.nvim_exec_autocmds('TextChanged', { buffer = 0 })
    wait('that it is edited', shows('○ edited'))
    assert(column() == 0, column())
    vim.o.signcolumn = 'yes'
  end,
  ['A the menu has nothing that can not be chosen'] = function()
    vim.fn.setline(4, "    return 'calm' + (")
    local params = { textDocument = vim.lsp.util.make_text_document_params(0), context = { diagnostics = {} } }
    params.range = { start = { line = 3, character = 0 }, ['end'] = { line = 3, character = 0 } }
    local offered
    hotsplice.request('textDocument/codeAction', params, function(actions)
      offered = actions
    end, 0)
    wait('the menu', function()
      return offered ~= nil
    end)
    for _, action in ipairs(offered) do
      assert(action.disabled == nil, vim.inspect(action))
    end
    assert(#offered > 0)
    vim.fn.setline(4, "    return 'calm'")
  end,
  ['B a process that ends vanishes'] = function()
    vim.uv.kill(hotsplice.status.sessions[1].pid, 'sigkill')
    wait('the end of the session', function()
      return #hotsplice.status.sessions == 0
    end)
    wait('the end of its signs', function()
      return signs() == ''
    end)
  end,
}

common.run_all(steps)
