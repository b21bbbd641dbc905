"""Charts of a page as plotly draws them, and the same as a static SVG."""
