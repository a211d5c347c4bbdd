"""The paid service over HTTP: empty so far; it will be a thin layer over `oriel_fx.render`."""
