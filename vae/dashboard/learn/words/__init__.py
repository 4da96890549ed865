"""Every word of the lessons, in English and in Chinese: one table a page."""
