"""The dashboard: the only part of the library that imports streamlit.

`main` is the script that runs at every interaction. `server` lives as long as the process.
`sidebar` edits the configuration, `shared` has the widgets of several pages, `plot` is the chart
component, and each other package is a page.
"""
