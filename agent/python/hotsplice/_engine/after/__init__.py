"""What follows a commit: calls in old code, first runs, the program's own hooks."""
