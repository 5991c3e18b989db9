"""Who asks, where that takes more than a header: tokens that expire, and requests that are signed.

Each identity is a `Signer`: it gives the headers that a request needs to be let in.
"""
