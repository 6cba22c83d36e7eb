"""What came of it: our own report, and the committed baselines."""
