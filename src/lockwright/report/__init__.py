"""Pure functions from results to text and pictures; nothing here runs a model."""
