"""One change of a site."""
