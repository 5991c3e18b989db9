"""Settings of the documentation's site, which `make docs` builds of the pages that the repository shows.

The pages link as Markdown files do, so both readings have the same links.
"""

project = "tidegate"
extensions = ["myst_parser"]
exclude_patterns = ["style.md"]

html_theme = "furo"
html_title = "tidegate"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

myst_heading_anchors = 4
