"""What several mixers compute alike: a module for each operation over the tokens, in its parallel form and, where there is one,
its step. Their costs are in `costs` under the same name.
"""
