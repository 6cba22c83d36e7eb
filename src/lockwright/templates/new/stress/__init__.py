"""How it is stressed."""
