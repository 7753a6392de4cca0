"""Data set checks and their reports: what `training.check` and `training.preview` show."""
