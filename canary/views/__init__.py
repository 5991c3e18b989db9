"""What people are shown of a Canary: a status in, lines out. Pure: each caller prints them itself."""
