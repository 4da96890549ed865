"""Plotly figures drawn from records: no torch, no files, no Streamlit.

    record (vae.base, vae.analysis, vae.evaluation) ──► one function ──► plotly Figure

A figure is a function in the module of its theme, and callers import it from that module; the
package itself exports nothing, so that a function and a module may share a name.

Colours are tokens of `vae.figures.palette`, for example "var(--kl)". The chart component of the
dashboard replaces them in the browser by the colours of the current theme; `vae.figures.base.
themed` does the same in Python. Each colour has one meaning in all figures: reconstruction blue,
KL orange, ELBO black or white, prior grey. Solid lines are training data, dashed lines validation
data.

Arrays are float32 or integers. A figure without data shows a sentence about the missing data.
Log-probabilities and divergences are in nats per example.
"""
