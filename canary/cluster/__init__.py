"""The connection to a cluster: requests, watches, caches of what is there, and when it could not be reached."""
