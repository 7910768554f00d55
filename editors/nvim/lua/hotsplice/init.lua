--- Hotsplice in Neovim: starts the language server and shows what it tells. All that is known of Python is the server's.
local M = {}

--- What the server told last: docs/lsp.md lists it.
--- @class hotsplice.Status
--- @field sessions hotsplice.Session[]
--- @field verdicts hotsplice.Verdict[]
--- @field holds hotsplice.Hold[]
--- @field patchOnSave string
--- @field trouble? string Why no process can be found at all.

--- @class hotsplice.Session
--- @field id string
--- @field pid integer
--- @field name string
--- @field cwd string
--- @field python string
--- @field files { uri: string, functions: table[] }[]

--- @class hotsplice.Verdict
--- @field uri string
--- @field definition string
--- @field line integer
--- @field verdict "applied"|"caveat"|"refused"|"unneeded"
--- @field severity integer As in |vim.diagnostic.severity|.
--- @field code? string
--- @field message? string

--- @class hotsplice.Hold
--- @field hold string Its name: process and number.
--- @field process string
--- @field function string
--- @field uri? string
--- @field path string
--- @field line integer From 0.
--- @field error string
--- @field thread string
--- @field variables table<string, string>
--- @field patched boolean Something went live since it failed.
--- @field message string

--- @class hotsplice.Patched
--- @field message string
--- @field files { uri: string, ranges: lsp.Range[] }[]

--- @class hotsplice.Options
--- @field cmd? string[] How to start the server.
--- @field settings? table What docs/lsp.md lists: patchOnSave, lens, guard, patchOnExternalChange, pathMappings, sessions.
--- @field signs? boolean Signs and virtual text for what is live, edited, refused, still running.
--- @field flash? boolean Lines that just went live light up once.

--- The server ended by itself.
local stopped = false

local options = { cmd = { 'hotsplice', 'lsp' }, settings = {}, signs = true, flash = true }

--- What the server told last, in `hotsplice/status`.
--- @type hotsplice.Status
M.status = { sessions = {}, verdicts = {}, holds = {}, patchOnSave = 'never' }

--- The client's configuration, for `vim.lsp.start`, `vim.lsp.config` and the like.
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.workspace = capabilities.workspace or {}
  capabilities.workspace.codeLens = { refreshSupport = true }
  -- The menu of code actions shows what can be done.
  vim.tbl_get(capabilities, 'textDocument', 'codeAction').disabledSupport = false
  capabilities.experimental = vim.tbl_extend('force', capabilities.experimental or {}, { hotspliceNotifications = true })
  return {
    name = 'hotsplice',
    cmd = options.cmd,
    filetypes = { 'python' },
    root_markers = { 'pyproject.toml', 'setup.py', 'setup.cfg', 'manage.py', '.git' },
    capabilities = capabilities,
    init_options = options.settings,
    settings = { hotsplice = options.settings },
    handlers = {
      ['hotsplice/status'] = function(_, status)
        M.status = status
        vim.api.nvim_exec_autocmds('User', { pattern = 'HotspliceStatus', modeline = false })
        vim.cmd.redrawstatus({ bang = true })
        M.refresh()
        require('hotsplice.stale').refresh()
      end,
      ['hotsplice/patched'] = function(_, patched)
        require('hotsplice.signs').patched(patched, options.flash)
        require('hotsplice.stale').refresh()
      end,
      ['hotsplice/hold'] = function(_, hold)
        vim.notify('■ ' .. hold.message .. '\n:Hotsplice retry | return {expression} | raise', vim.log.levels.WARN)
      end,
      ['workspace/codeLens/refresh'] = function()
        M.refresh()
        return vim.NIL
      end,
    },
    on_attach = function(client, buffer)
      if options.signs then
        require('hotsplice.signs').attach(client, buffer)
      end
    end,
    on_exit = function(code, signal)
      -- Leaving Neovim, or stopping it by hand, is no news.
      stopped = code ~= 0 or (signal ~= 0 and signal ~= 15)
      if stopped then
        vim.schedule(function()
          vim.notify('The Hotsplice server has stopped; see :Hotsplice log', vim.log.levels.ERROR)
        end)
      end
      M.status = { sessions = {}, verdicts = {}, holds = {}, patchOnSave = M.status.patchOnSave }
      vim.schedule(M.refresh)
    end,
  }
end

-- What code actions and lenses of ours mean that asks for something: the server can't.
vim.lsp.commands['hotsplice.returnValue'] = function(command)
  require('hotsplice.commands').return_value(command.arguments[1])
end
vim.lsp.commands['hotsplice.debugHere'] = function(command)
  require('hotsplice.commands').debug(command.arguments[1])
end

--- Starts the server with Python files. Not needed where `vim.lsp.enable('hotsplice')` is called.
--- @param given? hotsplice.Options
function M.setup(given)
  options = vim.tbl_deep_extend('force', options, given or {})
  if vim.lsp.enable then
    vim.lsp.config('hotsplice', M.config())
    vim.lsp.enable('hotsplice')
  else
    vim.api.nvim_create_autocmd('FileType', {
      group = vim.api.nvim_create_augroup('hotsplice', {}),
      pattern = 'python',
      callback = function(event)
        M.start(event.buf)
      end,
    })
  end
  require('hotsplice.dap').register()
end

--- Starts the server for a buffer, or attaches the one that runs.
function M.start(buffer)
  local config = M.config()
  config.root_dir = vim.fs.root(buffer or 0, config.root_markers) or vim.fn.getcwd()
  return vim.lsp.start(config, { bufnr = buffer })
end

--- The program of the server.
function M.program()
  return options.cmd[1]
end

--- The client of a buffer, or any.
function M.client(buffer)
  return vim.lsp.get_clients({ name = 'hotsplice', bufnr = buffer })[1] or vim.lsp.get_clients({ name = 'hotsplice' })[1]
end

--- Why there is no server, and what to do.
function M.why_none()
  if vim.fn.executable(M.program()) == 0 then
    return ('Hotsplice does not run: the program %s is not on the path. Install its wheel, then begin anew; or :help hotsplice-setup'):format(M.program())
  end
  if vim.bo.filetype ~= 'python' then
    return 'Hotsplice does not run yet: it starts with the first Python file'
  end
  return "Hotsplice does not run here: :lua require('hotsplice').start(), or :help hotsplice-setup"
end

--- Asks the server; `answer(result)` comes later. What goes wrong is shown.
function M.request(method, params, answer, buffer)
  local client = M.client(buffer)
  if not client then
    vim.notify(M.why_none(), vim.log.levels.WARN)
    return
  end
  local handler = function(failure, result)
    if failure then
      -- What has a code the server has shown by itself.
      if type(failure.data) == 'table' and failure.data.code then
        return
      end
      vim.notify('Hotsplice: ' .. (failure.message or vim.inspect(failure)), vim.log.levels.ERROR)
    else
      answer(result)
    end
  end
  if vim.fn.has('nvim-0.11') == 1 then
    client:request(method, params, handler, buffer)
  else
    client.request(method, params, handler, buffer)
  end
end

--- Tells the server other settings.
function M.set(settings)
  options.settings = vim.tbl_deep_extend('force', options.settings, settings)
  local client = M.client()
  if not client then
    return
  end
  local params = { settings = { hotsplice = options.settings } }
  if vim.fn.has('nvim-0.11') == 1 then
    client:notify('workspace/didChangeConfiguration', params)
  else
    client.notify('workspace/didChangeConfiguration', params)
  end
end

function M.refresh()
  if options.signs then
    require('hotsplice.signs').refresh()
  end
end

--- For a statusline: `⚡2`, with a sign for patch on save and the numbers of refusals and of calls that are held; `⚡✗` where the
--- server has stopped or no process can be found.
--- @return string
function M.statusline()
  if not M.client() then
    return stopped and '⚡✗' or ''
  end
  if type(M.status.trouble) == 'string' then
    return '⚡✗'
  end
  local refused = 0
  for _, verdict in ipairs(M.status.verdicts) do
    if verdict.severity == vim.diagnostic.severity.ERROR then
      refused = refused + 1
    end
  end
  return '⚡'
    .. #M.status.sessions
    .. (M.status.patchOnSave ~= 'never' and ' on save' or '')
    .. (refused > 0 and ' ▲' .. refused or '')
    .. (#M.status.holds > 0 and ' ■' .. #M.status.holds or '')
end

return M
