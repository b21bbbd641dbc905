"""Turn what users type into typed values."""
