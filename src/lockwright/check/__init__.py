"""Rules: what every execution has to keep, whatever the design promises."""
