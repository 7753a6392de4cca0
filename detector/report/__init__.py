"""HTML reports: the page template, plots and galleries that `eval` and `training` fill."""
