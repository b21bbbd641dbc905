"""One HTML page of a results folder: rows in, a file that opens offline and can be mailed out."""
