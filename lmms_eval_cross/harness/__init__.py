"""All that knows lmms-eval: how it finds our tasks, how it is run, and runs as it writes them.

Imports everything but cli/.
"""
