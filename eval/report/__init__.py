"""Evaluation reports: analysis, sections, plots and the gallery of errors."""
