"""Where the project's files are, for tests in any folder."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "job"
README = (ROOT / "README.md").read_text(encoding="utf-8")
REAL = ROOT.parent / "shared" / "real"
"""Real rows and their expected answers. They lie beside the repository; tests that need them skip where they do not."""
