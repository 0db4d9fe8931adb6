-- archspec in Neovim 0.11 or newer: put this file into ~/.config/nvim/lua/ and write `require("archspec")` in init.lua.

vim.filetype.add({
  pattern = {
    [".*%.arch%.ya?ml"] = "archspec",
    -- YAML files below the folder `specs` of a project with [tool.archspec] in its pyproject.toml:
    [".*/specs/.*%.ya?ml"] = function(path)
      local project = vim.fs.find("pyproject.toml", { upward = true, path = vim.fs.dirname(path) })[1]
      local file = project and io.open(project)
      if not file then
        return nil
      end
      local text = file:read("*a")
      file:close()
      return text:find("[tool.archspec]", 1, true) and "archspec" or nil
    end,
  },
})

vim.treesitter.language.register("yaml", "archspec")

vim.lsp.config("archspec", {
  cmd = { "archspec", "lsp" },
  filetypes = { "archspec" },
  root_markers = { "pyproject.toml", ".git" },
})
vim.lsp.enable("archspec")

vim.api.nvim_create_autocmd("FileType", {
  pattern = "archspec",
  callback = function(event)
    vim.bo[event.buf].commentstring = "# %s"
    vim.bo[event.buf].expandtab = true
    vim.bo[event.buf].shiftwidth = 2
    if vim.fn.exists("syntax_on") == 1 then
      vim.bo[event.buf].syntax = "yaml"
    end
  end,
})

vim.api.nvim_create_autocmd("LspAttach", {
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == "archspec" then
      vim.lsp.inlay_hint.enable(true, { bufnr = event.buf })
    end
  end,
})
