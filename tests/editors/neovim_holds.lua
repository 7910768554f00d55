-- How a user of Neovim answers calls that are held: run by tests/tests/editors.rs in the folder of app.py, whose process writes
-- what evaluate() gives into the file `answer`.

local common = dofile(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/common.lua')
local hotsplice, wait = common.hotsplice, common.wait
common.setup()
vim.o.signcolumn = 'yes'

local function wait_answer(wanted)
  wait('the answer ' .. wanted, function()
    return common.answer() == wanted
  end)
end

local last = ''
--- Waits for a call that is held and that was not before; gives its name.
local function held()
  wait('a call that is held', function()
    local hold = hotsplice.status.holds[1]
    return hold ~= nil and hold.hold ~= last
  end)
  last = hotsplice.status.holds[1].hold
  return last
end

local function choose(title)
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title == title
    end,
  })
end

local steps = {
  ['1 a call that is held is a diagnostic, a sign and a hover'] = function()
    vim.cmd.edit('app.py')
    held()
    wait('the diagnostic', function()
      local found = vim.diagnostic.get(0)[1]
      return found and found.code == 'HS0025' and found.lnum == 4 and found.message:find('division by zero', 1, true)
    end)
    local namespace = vim.api.nvim_get_namespaces().hotsplice
    wait('its sign', function()
      local mark = vim.api.nvim_buf_get_extmarks(0, namespace, { 4, 0 }, { 4, -1 }, { details = true })[1]
      return mark and vim.trim(mark[4].sign_text) == '■' and mark[4].virt_text[1][1]:find('evaluate is held', 1, true)
    end)
    local params = { textDocument = vim.lsp.util.make_text_document_params(0), position = { line = 4, character = 5 } }
    local shown = ''
    wait('the hover', function()
      hotsplice.request('textDocument/hover', params, function(hover)
        shown = hover and hover.contents.value or ''
      end, 0)
      return shown:find('items = []', 1, true) ~= nil
    end)
    wait('the statusline', function()
      return hotsplice.statusline():find('■1', 1, true)
    end)
  end,
  ['2 it is listed, and its name is completed'] = function()
    local listed = vim.fn.execute('Hotsplice holds')
    assert(listed:find('■ ' .. last .. ' app.py:5: ZeroDivisionError', 1, true), listed)
    for _, name in ipairs({ 'retry', 'return', 'raise', 'debug' }) do
      assert(vim.deep_equal(vim.fn.getcompletion('Hotsplice ' .. name .. ' ', 'cmdline'), { last }), name)
    end
  end,
  ['3 it returns what is said'] = function()
    vim.cmd("Hotsplice return 'n is ' + str(n)")
    wait_answer('n is 1')
    vim.cmd('Hotsplice return ' .. held() .. " 'named'")
    wait_answer('named')
  end,
  ['4 it returns what is asked for'] = function()
    held()
    vim.api.nvim_win_set_cursor(0, { 5, 4 })
    vim.ui.input = function(_, answer)
      answer("'asked for'")
    end
    choose('Return a value from `evaluate`…')
    wait_answer('asked for')
  end,
  ['5 pdb stands there in a terminal, and the call stays held'] = function()
    local hold = held()
    vim.cmd('Hotsplice debug')
    local function shown(text)
      return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'):find(text, 1, true) ~= nil
    end
    wait('the prompt', function()
      return vim.bo.buftype == 'terminal' and shown('(Pdb)')
    end)
    vim.api.nvim_chan_send(vim.bo.channel, "p 'items are', items\n")
    wait('the value', function()
      return shown("('items are', [])")
    end)
    vim.api.nvim_chan_send(vim.bo.channel, 'q\n')
    wait('what comes next', function()
      return shown('is still held')
    end)
    vim.cmd('bwipeout!')
    assert(hotsplice.status.holds[1].hold == hold)
    last = ''
  end,
  ['6 nvim-dap is attached where it is there'] = function()
    held()
    local asked
    package.loaded.dap = {
      adapters = { python = {} },
      listeners = {},
      run = function(config)
        asked = config
      end,
    }
    choose('Debug `evaluate` where it failed')
    if vim.env.HOTSPLICE_TEST_DEBUGPY == '1' then
      wait('its configuration', function()
        return asked ~= nil
      end)
      assert(asked.request == 'attach' and asked.type == 'python' and asked.connect.port > 0, vim.inspect(asked))
    else
      -- Without debugpy it says so, and pdb is what there is.
      wait('the prompt', function()
        return vim.bo.buftype == 'terminal'
      end)
      vim.cmd('bwipeout!')
    end
    package.loaded.dap = nil
    last = ''
  end,
  ['7 it is mended and tried again'] = function()
    held()
    vim.fn.setline(5, "    return 'mended'")
    vim.cmd('Hotsplice retry')
    wait_answer('mended')
    wait('the end of the diagnostic', function()
      return #vim.diagnostic.get(0) == 0
    end)
  end,
  ['8 it raises'] = function()
    vim.fn.setline(5, '    return n / len(items)')
    vim.cmd('Hotsplice file')
    held()
    vim.cmd('Hotsplice raise')
    wait('the end of the process', function()
      return #hotsplice.status.sessions == 0 and #hotsplice.status.holds == 0
    end)
  end,
}

common.run_all(steps)
