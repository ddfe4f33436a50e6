// Share and keep: the text that restores all this, the trace, posters, a page.
