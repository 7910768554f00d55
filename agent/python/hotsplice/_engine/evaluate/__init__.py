"""Running what has to be run: sandboxed namespaces, and what of a statement runs."""
