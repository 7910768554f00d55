"""Calls that fail: guarded, held where they fail, and begun again. What each module does is in ARCHITECTURE.md."""
