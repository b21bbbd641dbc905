"""Read labelled texts from the user's files: tables, JSON, Parquet, folders of texts."""
