"""The working copy: git, source, .env, and the app as it stands here."""
