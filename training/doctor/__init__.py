"""The data doctor's checks: each looks at a data set and returns findings, changing nothing."""
