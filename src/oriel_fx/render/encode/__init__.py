"""ffmpeg: what it is told, how it is fed, and what it made."""
