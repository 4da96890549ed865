"""The greeting on the first visit, and a tour of eight steps over the pages."""
