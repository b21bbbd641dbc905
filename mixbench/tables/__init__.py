"""Everything that is stored on disk: row types, results folders, histories."""
