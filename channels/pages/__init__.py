"""Pages: the sink, where messages can be read, and the way out that receivers get."""
