"""How the designs are stressed: scenarios and workloads."""
