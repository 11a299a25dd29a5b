"""A site's own evidence: its acceptance test, the profile that follows from it, its readers. docs/acceptance.md."""
