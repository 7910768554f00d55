-- For vim.lsp.enable('hotsplice') (Neovim 0.11 and later).
return require('hotsplice').config()
