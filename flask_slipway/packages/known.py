"""Packages that are known by name: tools of development, what is loaded without an import, database drivers. Pure."""

from __future__ import annotations

import re

# Tools of development: never in production's requirements.txt, also when they were listed.
TOOLS = {"pip", "setuptools", "wheel", "pytest", "pytest-xdist", "pytest-cov", "pytest-flask", "pytest-alembic", "tox"}
TOOLS |= {"coverage", "hypothesis", "nox", "ruff", "black", "flake8", "isort", "mypy", "pylint", "autopep8", "pyright"}
TOOLS |= {"ipython", "ipdb", "ipykernel", "jupyter", "jupyterlab", "notebook", "pre-commit", "build", "twine", "uv"}
TOOLS |= {"invoke", "fabric", "flask-slipway", "deptry", "flask-debugtoolbar", "pip-tools", "pipdeptree", "pip-audit"}
TOOLS |= {"pyupgrade", "bandit", "djlint", "pycodestyle", "pyflakes", "yapf", "virtualenv", "virtualenvwrapper"}

# Loaded by name at run time, never imported by the app's own code.
COMPANIONS = {"pymysql", "mysqlclient", "mysql-connector-python", "psycopg", "psycopg2"}
COMPANIONS |= {"psycopg2-binary", "python-dotenv", "email-validator", "gunicorn"}

# Any of these may serve an URL without a driver: PyMySQL by install_as_MySQLdb(), the others where the app adds theirs.
MYSQL = ("mysqlclient", "pymysql", "mysql-connector-python", "mysql-connector", "mariadb", "cymysql")

# The driver of a database URL (as SQLAlchemy names it) → the packages of which one must be there.
DRIVERS = {
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "mysqldb": ("mysqlclient",),
    "pymysql": ("pymysql",),
    "mysqlconnector": ("mysql-connector-python", "mysql-connector"),
    "mariadbconnector": ("mariadb",),
    "cymysql": ("cymysql",),
    "postgresql": ("psycopg2", "psycopg2-binary"),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "psycopg": ("psycopg",),
    "pg8000": ("pg8000",),
}
URL = re.compile(r"\b(mysql|mariadb|postgresql)(?:\+(\w+))?://")


def driver_package(extra: str) -> str:
    """The package of the driver that an extra is named after, as in SQLAlchemy[pymysql]; "" for another extra."""
    name = re.sub(r"[-_.]+", "-", extra).lower()
    if any(name in packages for packages in DRIVERS.values()):
        return name
    return DRIVERS.get(name.replace("-", ""), ("",))[0]


def driver(url: str) -> str:
    """The driver that a database URL names, such as pymysql; the kind's own where it names none; "" for another URL."""
    match = URL.search(url)
    if not match:
        return ""
    return "mariadbconnector" if match[0].startswith("mariadb+mariadb") else match[2] or match[1]
