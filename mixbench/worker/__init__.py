"""Code that runs in child processes. Only this folder, `mixers` and `model` import torch."""
