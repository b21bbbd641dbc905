"""What each command prints, as text."""
