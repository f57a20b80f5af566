"""The site's database, whichever it is."""
