"""Where frames are shown and saved: window, web page, overlay, controls, recorder."""
