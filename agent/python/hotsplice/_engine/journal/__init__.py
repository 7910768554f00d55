"""What a patch changes: places, and the operations and verdicts of a plan."""
