"""Taking what was evaluated into the live objects, one kind of definition a module."""
