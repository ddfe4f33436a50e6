"""Databases whose servers are asked where they stand, many times a second: what runs on them have in common.

Of PostgreSQL the messages themselves are read on their way (`real.lab`); of others only such samples are known.
"""
