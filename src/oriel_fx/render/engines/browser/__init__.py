"""The browser engine: films any web page that plays the song, frame by frame, in headless Chromium.

Nothing here imports Playwright until a page is opened.
"""
