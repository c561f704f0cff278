"""The judge: jobs, the endpoint's and the offline one, client, engine, profiles and reply.

Imports ledger/, data/, runs/, pacing/ and what is below them; the one folder that imports openai.
"""
