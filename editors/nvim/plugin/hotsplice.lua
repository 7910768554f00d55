if vim.g.loaded_hotsplice then
  return
end
vim.g.loaded_hotsplice = true

vim.api.nvim_create_user_command('Hotsplice', function(command)
  require('hotsplice.commands').run(command.fargs)
end, {
  nargs = '*',
  desc = 'Hot-patch running Python processes',
  complete = function(lead, line)
    return require('hotsplice.commands').complete(lead, line)
  end,
})
