"""From what users type to typed values."""
