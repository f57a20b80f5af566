"""requirements.txt: what it lists, what the code imports, whether it fits the site."""
