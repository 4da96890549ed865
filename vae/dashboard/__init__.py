"""The dashboard: the only part of the library that imports streamlit.

`main` is the script that runs at every interaction, `server` what lives as long as the process,
`sidebar` makes a configuration, `header` chooses a run and says how it is, `shown` opens it for
the pages, `plot/` is the chart that lives, `tiles` serves the pictures of examples.
"""
