"""What a comparison will be able to decide, before any run: variance components, designs, and what each costs.

Imports compare/, cost/ and what is below them.
"""
