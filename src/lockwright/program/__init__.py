"""Thread programs: small concurrent programs as JSON, explored and validated."""
