"""Claims about mixers, each with the rule that decides it: supported, contradicted or undecided."""
