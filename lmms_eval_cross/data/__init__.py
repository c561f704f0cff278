"""The user's copy of CROSS, from the official layout to Parquet that `datasets` opens.

Imports benchmark/ and what is below it.
"""
