"""The prices: a file that `flask make-prices` writes, and git ignores."""

import csv
import os
import time
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "data" / "prices.csv"


def read():
    """The price of each item. In production the list is long, and this takes a while."""
    time.sleep(float(os.environ.get("READING_TAKES", "0")))
    with FILE.open() as file:
        return {name: float(price) for name, price in csv.reader(file)}


def write(prices):
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("w") as file:
        csv.writer(file).writerows(prices.items())
