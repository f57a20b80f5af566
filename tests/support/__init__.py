"""What several folders of tests share: sites, projects, people, servers, terminals. `ROOT`: this project's folder."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
