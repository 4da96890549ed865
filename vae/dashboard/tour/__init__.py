"""The line that greets a newcomer, and a tour of eight steps over the real pages."""
