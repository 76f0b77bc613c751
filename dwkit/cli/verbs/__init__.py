"""One small file a verb: it parses, calls the project and renders."""
