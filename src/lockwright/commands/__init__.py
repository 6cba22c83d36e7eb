"""What people type: one module a command, and what several of them need."""
