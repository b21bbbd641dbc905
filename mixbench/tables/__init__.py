"""What lies on disk: row types, results folders, histories."""
