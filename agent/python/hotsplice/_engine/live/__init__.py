"""Looking at live objects: which text is live, and from a definition to the objects that came of it."""
