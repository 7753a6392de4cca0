"""The scripts that draw the figures of the docs: `python -m docs.draw_figures docs/figures`."""
