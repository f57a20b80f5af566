"""Migrations and the development database."""
