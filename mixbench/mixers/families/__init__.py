"""The entries of the mixers, a module per family. To add a mixer, write its entry in the module of its family.

Closed forms count multiply-add as 2 FLOPs and leave elementwise operations out, as in the paper named in each entry. Nothing
here imports torch.
"""
