"""The library: from a song and a spec to a video. It knows no web framework, queue, database or command line."""
