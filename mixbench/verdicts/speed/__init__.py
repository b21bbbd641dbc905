"""What speed.csv says: a summary of each cell, and for each mixer the answer, against the baseline."""
