"""The machine: operations, tasks, one execution, its events, findings and schedules."""
