"""What users type, as typed values."""
