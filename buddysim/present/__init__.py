"""Terminal, JSON, SARIF, HTML, SVG, TUI."""
