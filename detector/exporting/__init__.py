"""A detector as files for other runtimes: graphs, metadata, and post-processing inside them."""
