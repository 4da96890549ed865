"""Lessons: one idea a page, one picture always in view, steps, and formulas with live values.

pages/learn/NAME.py ──► lesson.Lesson: controls, steps, a function that draws the picture
words/NAME.py       ──► every word of the page in English and Chinese
vae/theory/         ──► every number of the picture
"""
